"""Records that break what is claimed of the combines of a scan."""

from breaking import Break, replaced


def off(column: str, arm: str) -> Break:
    """Another count than the one that was found, at one length."""
    return replaced(column, 7, row="total", arm=arm, T=64)


BROKEN: dict[str, Break] = {
    "scan_tree.scan_work": off("combines", "scan"),
    "scan_tree.scan_rounds": off("rounds", "scan"),
    "scan_tree.scan_depth": off("depth", "scan"),
    "scan_tree.scan_products": off("products", "scan"),
    "scan_tree.backward_work": off("combines", "backward"),
    "scan_tree.loop_work": off("rounds", "loop"),
    "scan_tree.doubling_work": off("combines", "doubling"),
    "scan_tree.doubling_rounds": off("rounds", "doubling"),
    "scan_tree.neighbours": replaced("later", 16, row="combine", round=2),
    "scan_tree.complete": off("wrong", "scan"),
}
