"""The Lua modules by themselves, in pandoc's Lua."""

from pathlib import Path

import pytest

from .book import EXTENSION, Book, run_lua, run_pandoc

LOAD = """
local folder = EXTENSION .. "/_modules"
local modules = dofile(folder .. "/modules.lua")(folder)
local names, files, format = modules.names, modules.files, modules.format
local shape, shortcode, embed = modules.shape, modules.shortcode, modules.embed
local function joined(list) return table.concat(list, " ") end
local function decoded(json) return pandoc.json.decode(json, false) end
local function span(markdown) return pandoc.read(markdown).blocks[1].content[1] end
local function div(markdown) return pandoc.read(markdown).blocks[1] end
local ratio = { val = function(words) return words[1] == "a.b" and "37" or nil end }
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

[It]{.claim ref="step_time.linear"} @fig-step-time {{< data step_time >}}

::: {.claim ref="step_time.linear"}
Block, with [data]{.bookfigs-data ref="step_time"}.^[Note.]
:::

::: {layout-ncol=2}
::: {#fig-other .bookfigs}
:::
:::

::: {#fig-third .bookfigs .column-margin}
Of [it]{.claim ref="step_time.linear"}.
:::

![c](../_bookfigs/figures/step_time.svg)

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
        ('shortcode.fill_string("{{< val a.b >}}, {{<val a.b>}}", ratio)', "37, 37"),
        ("shortcode.fill_string(\"{{< val 'a.b' >}}\", ratio)", "37"),
        ('shortcode.fill_string("{{< meta a.b >}}", ratio)', "{{< meta a.b >}}"),
        ('shortcode.fill_string("{{{< val a.b >}}}", ratio)', "{{{< val a.b >}}}"),
        ('shortcode.asked(span("[a]{.b}"))', "nil"),
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


@pytest.mark.parametrize("words", [["val", "a.b"], ["data", "a", "json"], ["meta"]])
def test_a_quarto_shortcode_span_has_name_and_arguments(
    tmp_path: Path, words: list[str]
) -> None:
    """The markup that Quarto's reader makes of `{{< val a.b >}}`."""
    parts = "".join(f'[]{{.quarto-shortcode__-param data-value="{w}"}}' for w in words)
    span = f"[{parts}]{{.quarto-shortcode__}}"
    script = f"local name, given = shortcode.asked(span([==[{span}]==]))\n"
    done = run_lua(f"{LOAD}{script}print(name, joined(given))", tmp_path)
    assert done.message == f"{words[0]}\t{' '.join(words[1:])}\n"


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


@pytest.mark.parametrize("panels", ["page", "footnote", "none"])
@pytest.mark.parametrize("to", ["html5", "latex", "typst", "docx", "gfm", "revealjs"])
def test_a_render_leaks_no_global(book: Book, to: str, panels: str) -> None:
    figures = book.manifest["figures"]
    figures |= {"other": figures["step_time"], "third": figures["step_time"]}
    filter_file = book.chapters / "guarded.lua"
    start = f"PANDOC_SCRIPT_FILE = [[{EXTENSION / 'bookfigs.lua'}]]\n"
    run = "\nreturn dofile(PANDOC_SCRIPT_FILE)\n"
    filter_file.write_text(start + GUARD + run, encoding="utf-8")
    book.write(f"---\nbookfigs:\n  panels: {panels}\n---\n\n{EVERYTHING}")
    done = run_pandoc(book.chapter, to, lua=filter_file)
    assert (done.status, done.message) == (0, "")
    if to == "html5":
        assert 'alt="37"' in done.words
        assert "Listing 1: 37" in done.words


@pytest.mark.parametrize("to", ["html5", "latex"])
def test_a_render_that_is_stopped_leaks_no_global(book: Book, to: str) -> None:
    filter_file = book.chapters / "guarded.lua"
    start = f"PANDOC_SCRIPT_FILE = [[{EXTENSION / 'bookfigs.lua'}]]\n"
    run = "\nreturn dofile(PANDOC_SCRIPT_FILE)\n"
    filter_file.write_text(start + GUARD + run, encoding="utf-8")
    book.write(EVERYTHING.replace("step_time", "no_such").replace("step-time", "no"))
    done = run_pandoc(book.chapter, to, lua=filter_file)
    assert done.status == 1
    assert "leaked" not in done.message
    assert "undefined" not in done.message
    assert done.message.count("bookfigs: ") > 5


HANDLER = """
FORMAT = "html5"
quarto = {
  doc = { input_file = pandoc.system.get_working_directory() .. "/rnn.qmd" },
  project = {},
}
PANDOC_SCRIPT_FILE = EXTENSION .. "/%s.lua"
local contributed = dofile(PANDOC_SCRIPT_FILE)
"""
"""What Quarto has when it loads one of the files, and the file."""


@pytest.mark.parametrize(
    ("file", "arguments", "written"),
    [
        ("val", ["step_time.ratio"], "37"),
        ("data", ["step_time"], "../_bookfigs/data/step_time.csv"),
        ("data", ["step_time", "json"], "../_bookfigs/data/step_time.json"),
    ],
)
@pytest.mark.parametrize("context", ["inline", "text"])
def test_the_handler_of_a_shortcode_returns_inlines(
    book: Book, file: str, arguments: list[str], written: str, context: str
) -> None:
    book.write("")
    words = ", ".join(f"pandoc.Inlines {{ pandoc.Str '{each}' }}" for each in arguments)
    script = (
        f"{HANDLER % file}local made = contributed.{file}({{ {words} }}, {{}}, {{}}, "
        f"{{}}, '{context}')\n"
        "print(pandoc.utils.type(made))\n"
        "print(pandoc.write(pandoc.Pandoc { pandoc.Plain(made) }, 'markdown'))"
    )
    done = run_lua(script, book.chapter.parent)
    assert done.status == 0, done.message
    assert done.message.startswith("Inlines\n")
    assert written in done.message


@pytest.mark.parametrize(
    ("file", "arguments", "said"),
    [
        ("val", "", "there is no value with an empty name"),
        ("val", "'no.such'", "val no.such: there is no value no.such"),
        ("val", "'step_time.ratio', 'x'", "val takes one name"),
        ("data", "'no'", "data no: there is no figure no"),
        ("data", "'step_time', 'xls'", "has no data as xls"),
    ],
)
def test_the_handler_of_a_shortcode_ends_the_process(
    book: Book, file: str, arguments: str, said: str
) -> None:
    book.write("")
    script = f"{HANDLER % file}contributed.{file}({{ {arguments} }}, {{}}, {{}})"
    done = run_lua(script, book.chapter.parent)
    assert done.status == 1
    assert said in done.message


@pytest.mark.parametrize("text", ["1\\\\input{x}", "1^^5cinput"])
def test_a_value_that_tex_would_run_ends_the_process_where_it_is_text(
    book: Book, text: str
) -> None:
    book.manifest["values"]["step_time.ratio"]["text"] = text.replace("\\\\", "\\")
    book.write("")
    call = "contributed.val({ 'step_time.ratio' }, {}, {}, {}, '%s')"
    for context, status in (("text", 1), ("inline", 0)):
        script = HANDLER % "val" + call % context
        assert run_lua(script, book.chapter.parent).status == status


@pytest.mark.parametrize("class_", ["bookfigs", "bookfigs-evidence", "other"])
def test_a_float_that_quarto_parsed_too_early_ends_the_process(
    book: Book, class_: str
) -> None:
    script = (
        f"{HANDLER % 'bookfigs'}contributed[1].FloatRefTarget {{ "
        f"identifier = 'fig-x', classes = pandoc.List {{ '{class_}' }} }}"
    )
    done = run_lua(script, book.chapter.parent)
    assert done.status == (class_ != "other")
    assert ("the filter runs too late" in done.message) == (class_ != "other")
