"""The Lua modules by themselves, in pandoc's Lua."""

from pathlib import Path

import pytest

from .book import EXTENSION, Book, run_lua, run_pandoc

LOAD = """
local folder = EXTENSION .. "/_modules"
local modules = dofile(folder .. "/modules.lua")(folder)
local names, files, format = modules.names, modules.files, modules.format
local shape, value, embed = modules.shape, modules.value, modules.embed
local function joined(list) return table.concat(list, " ") end
local function decoded(json) return pandoc.json.decode(json, false) end
local function span(markdown) return pandoc.read(markdown).blocks[1].content[1] end
local function div(markdown) return pandoc.read(markdown).blocks[1] end
local function ratio(name) return name == "a.b" and { text = "37" } or nil end
"""
GUARD = """
local optional = { quarto = true }
setmetatable(_G, {
  __newindex = function(_, name) io.stderr:write("leaked ", name) os.exit(9) end,
  __index = function(_, name)
    if not optional[name] then
      io.stderr:write("undefined ", name)
      os.exit(9)
    end
  end,
})
"""
EVERYTHING = """::: {#fig-step-time .bookfigs fig-alt="{{< val step_time.ratio >}}"}
:::

::: {#lst-linear-scan .bookfigs lst-cap="{{< val step_time.ratio >}}"}
:::

[It]{.claim ref="step_time.linear"} @fig-step-time

::: {#tbl-evidence .bookfigs-evidence}
:::
"""


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ('names.distance("kitten", "sitting")', "3"),
        ('names.distance("", "abc")', "3"),
        ('names.distance("abc", "")', "3"),
        ('names.distance("same", "same")', "0"),
        ('joined(names.of { b = 1, a = 2, ["a.c"] = 3 })', "a a.c b"),
        ('joined(names.nearest("ab", { "abcd", "abc", "b", "zzz" }))', "abc b abcd"),
        ('joined(names.nearest("ab", { "a", "b", "aa", "bb" }))', "a aa b"),
        ('joined(names.nearest("abc", { "x", "uvwxyz" }))', ""),
        ('files.relative("/b/m/f.svg", "/b/c/d")', "../../m/f.svg"),
        ('files.relative("/b/m/../f.svg", "/b")', "f.svg"),
        ('files.relative("/b/./m/f.svg", "/b/m")', "f.svg"),
        ('files.read(EXTENSION .. "/no such file")', "nil"),
        ('format.image("html5")', "svg"),
        ('format.image("epub3")', "svg"),
        ('format.image("commonmark_x")', "svg"),
        ('format.image("typst")', "svg"),
        ('format.image("beamer")', "pdf"),
        ('format.image("docx")', "png"),
        ('format.image("openxml")', "png"),
        ('format.may_turn_dark("html5")', "true"),
        ('format.may_turn_dark("epub3")', "false"),
        ('format.is_html("epub")', "true"),
        ('format.is_html("latex")', "false"),
        ('value.fill_string("{{< val a.b >}}, {{<val a.b>}}", ratio)', "37, 37"),
        ("value.fill_string(\"{{< val 'a.b' >}}\", ratio)", "37"),
        ('value.fill_string("{{< meta a.b >}}", ratio)', "{{< meta a.b >}}"),
        ('value.fill_string("{{{< val a.b >}}}", ratio)', "{{{< val a.b >}}}"),
        ('value.asked(span("[a]{.b}"))', "nil"),
        ('embed.parse(div("::: {#fig-a-b_c}\\n:::")).name', "a_b_c"),
        ('embed.parse(div("::: {#lst-a}\\n:::")).kind', "listing"),
        ('embed.parse(div("::: {#tbl-a}\\n:::"))', "nil"),
        ('shape.list(shape.string)(decoded("[]"), "p")', "nil"),
        (
            'shape.list(shape.string)(decoded("{}"), "p")',
            "p has to be list, found object",
        ),
        (
            'shape.map(shape.string)(decoded(\'{"a": {"b": 1}}\'), "p")',
            "p.a has to be string, found object",
        ),
        (
            'shape.record { a = shape.string }(decoded("{}"), "p")',
            "p.a has to be string, found nothing",
        ),
        (
            'shape.record { a = shape.string }(decoded(\'{"a": null}\'), "p")',
            "p.a has to be string, found null",
        ),
        ('shape.one_of("x", "y")("z", "p")', "p has to be one of: x, y"),
    ],
)
def test_modules_are_functions_of_their_arguments(
    tmp_path: Path, expression: str, printed: str
) -> None:
    done = run_lua(f"{LOAD}print((tostring(({expression}))))", tmp_path)
    assert (done.status, done.message) == (0, printed + "\n")


def test_a_quarto_shortcode_span_names_its_value(tmp_path: Path) -> None:
    """The markup that Quarto's reader makes of `{{< val a.b >}}`."""
    parameters = '[]{.quarto-shortcode__-param data-value="%s"}'
    asked = f"[{parameters % 'val'}{parameters % 'a.b'}]{{.quarto-shortcode__}}"
    other = f"[{parameters % 'meta'}{parameters % 'a.b'}]{{.quarto-shortcode__}}"
    script = "print((value.asked(span([==[{}]==]))), (value.asked(span([==[{}]==]))))"
    done = run_lua(LOAD + script.format(asked, other), tmp_path)
    assert done.message == "a.b\tnil\n"


def test_each_module_is_loaded_once(tmp_path: Path) -> None:
    script = "print(modules.names == modules.names, rawget(modules, 'claim'))"
    assert run_lua(LOAD + script, tmp_path).message == "true\tnil\n"


@pytest.mark.parametrize(
    "module", sorted(path.stem for path in (EXTENSION / "_modules").glob("*.lua"))
)
def test_loading_a_module_leaks_no_global(tmp_path: Path, module: str) -> None:
    loaded = "" if module == "modules" else f"local loaded = modules.{module}"
    done = run_lua(f"{GUARD}{LOAD}{loaded}", tmp_path)
    assert (done.status, done.message) == (0, "")


def test_the_guard_sees_a_leaked_global(tmp_path: Path) -> None:
    assert run_lua(GUARD + "leak = 1", tmp_path).message == "leaked leak"
    assert run_lua(GUARD + "print(leak)", tmp_path).message == "undefined leak"


def test_a_render_leaks_no_global(book: Book) -> None:
    filter_file = book.chapters / "guarded.lua"
    start = f"PANDOC_SCRIPT_FILE = [[{EXTENSION / 'bookfigs.lua'}]]\n"
    run = "\nreturn dofile(PANDOC_SCRIPT_FILE)\n"
    filter_file.write_text(start + GUARD + run, encoding="utf-8")
    book.write(EVERYTHING)
    html = run_pandoc(book.chapter, "html5", lua=filter_file).words
    assert 'alt="37"' in html
    assert "Listing 1: 37" in html
