"""Parts of a page that a script writes again each time it runs: each stands between two marks of its name."""

from pathlib import Path


def put(page: Path, name: str, text: str):
    """Puts the text into the page's part of that name, which is added at the end where there is none."""
    begin, end = (f"<!-- {name}: {word} -->" for word in ("begin", "end"))
    before, after = "# Results\n\n", "\n"
    if page.exists() and begin in page.read_text():
        before, rest = page.read_text().split(begin, 1)
        after = rest.split(end, 1)[1]
    elif page.exists():
        before = page.read_text().rstrip() + "\n\n"
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}")
