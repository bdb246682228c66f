"""The style sheet of the HTML page: light, dark and print, with a set of rules for each target's switch."""

from __future__ import annotations

LEVELS = (0.25, 0.5, 0.75)
"""Shares of the heaviest word's weight at which a word's highlight becomes stronger."""

HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{css}
</style></head><body>
"""

_CSS = """\
:root {
  color-scheme: light dark; --paper: #fdfcf9; --ink: #1d1f21; --soft: #5a6067; --faint: #6f757c; --line: #dcd9d1;
  --card: #fff; --pro: #0a7d55; --pro-wash: #0a7d5514; --con: #c2410c; --con-wash: #c2410c14; --plain: #b9bdc2;
  --topic: #3b6fb5; --chip: #e3ecf8; --chip-ink: #23497d; --plus: #ffd75e; --minus: #cfc6ea; --focus: #2563eb;
  --alt1: #7c3aed; --alt2: #0e7490; --alt3: #a16207;
}
@media (prefers-color-scheme:dark) {
  :root {
    --paper: #16181b; --ink: #e8e6e1; --soft: #a9b0b8; --faint: #7d858e; --line: #33373c; --card: #1f2226;
    --pro: #4cc79a; --pro-wash: #4cc79a1c; --con: #ff8f57; --con-wash: #ff8f571c; --plain: #555b62;
    --topic: #7aa7e6; --chip: #243447; --chip-ink: #b9d3f5; --plus: #8a6a00; --minus: #574a80; --focus: #7aa7ff;
    --alt1: #b794f6; --alt2: #5cc8dc; --alt3: #e0b24f;
  }
}
* { box-sizing: border-box }
html { scroll-padding-top: 5rem }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 17px/1.62 Georgia,"Iowan Old Style","Times New Roman",serif;
}
h1, h2, header, nav, footer, table, .facts, .tags, .why, .hint, .key {
  font-family: system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
}
.page { max-width: 44rem; margin: 0 auto; padding: 0 1.25rem 4rem }
.top {
  position: sticky; top: 0; z-index: 2; background: var(--paper); padding: .9rem 0 .7rem;
  border-bottom: 1px solid var(--line);
}
h1 { font-size: 1rem; font-weight: 600; margin: 0 0 .5rem; color: var(--soft) }
h2 { font-size: 1.5rem; line-height: 1.25; margin: 2.2rem 0 .2rem; text-wrap: balance; overflow-wrap: anywhere }
.switch { position: fixed; top: 0; left: 0; opacity: 0; pointer-events: none }
.switches { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; font-size: .85rem; color: var(--soft) }
.switches label {
  print-color-adjust: exact; -webkit-print-color-adjust: exact; padding: .15rem .7rem;
  border: 1px solid var(--line); border-radius: 1rem; cursor: pointer; color: var(--ink);
}
.contents { font-size: .9rem; margin-top: 1rem }
.contents ol { margin: 0; padding-left: 1.4rem }
a { color: var(--topic) }
small, .facts, footer, .key { color: var(--soft) }
.facts { font-size: .85rem; margin: 0 0 1rem }
.shares {
  display: grid; grid-template-columns: 2fr 3fr; gap: .5rem 2rem; font-size: .85rem; padding: .8rem 1rem;
  border: 1px solid var(--line); border-radius: .6rem; background: var(--card); line-height: 1.4;
}
table { border-collapse: collapse; width: 100%; align-self: start }
caption { text-align: left; color: var(--soft); padding-bottom: .25rem }
th {
  font-weight: 400; text-align: left; vertical-align: top; padding: .15rem .8rem .15rem 0; white-space: nowrap;
  width: 1%;
}
td { padding: .15rem 0; vertical-align: top }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td.number { width: 2.8rem }
.bar {
  display: flex; height: .55rem; margin: .36rem 0; border-radius: .3rem; overflow: hidden; background: var(--line);
  print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
.bar i { display: block; height: 100%; background: var(--topic) }
.bar .pro { background: var(--pro) }
.bar .con {
  background: repeating-linear-gradient(45deg,var(--con) 0 4px,color-mix(in srgb,var(--con) 65%,var(--paper)) 4px 7px);
}
.bar .plain { background: var(--plain) }
.bar .alt1 { background: var(--alt1) }
.bar .alt2 { background: var(--alt2) }
.bar .alt3 { background: var(--alt3) }
.legend { display: flex; flex-wrap: wrap; gap: 0 .7rem; font-size: .78rem; font-variant-numeric: tabular-nums }
.legend .plain, .legend .zero { color: var(--soft) }
.pro { color: var(--pro) }
.con { color: var(--con) }
.alt1 { color: var(--alt1) }
.alt2 { color: var(--alt2) }
.alt3 { color: var(--alt3) }
.none { color: var(--soft) }
.prose { margin-top: 1.4rem }
.prose p { margin: 0 0 1rem }
.s { border-radius: .2rem; cursor: default; scroll-margin-top: 6rem }
.words {
  text-underline-offset: .22em; text-decoration-skip-ink: none; -webkit-box-decoration-break: clone;
  box-decoration-break: clone; border-radius: .2rem;
}
.words b { font-weight: inherit; border-radius: .15rem }
.s:focus { outline: none }
.s:focus-visible .words { outline: 2px solid var(--focus); outline-offset: 1px }
.s:hover .words { background: color-mix(in srgb,var(--ink) 7%,transparent)!important }
.tags { font-size: .68rem; line-height: 1; white-space: nowrap; vertical-align: .12em }
.tag, .chip {
  display: inline-block; padding: .16rem .38rem; border-radius: .25rem; border: 1px solid currentColor;
  font-weight: 600;
}
.tag.none { border-style: dotted; font-weight: 400 }
.tag.plain { color: var(--soft); border: 0; font-weight: 400 }
.chip {
  border-color: transparent; background: var(--chip); color: var(--chip-ink); font-weight: 500;
  border-radius: 1rem; print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
.why {
  position: fixed; display: none; z-index: 3; right: 1rem; top: 6rem; width: 19rem; max-height: calc(100vh - 7rem);
  overflow: auto; padding: .9rem 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; font-size: .8rem; line-height: 1.45; box-shadow: 0 6px 24px #0000001f;
}
.s:hover .why, .s:focus .why, .s:focus-within .why { display: block }
.prose:has(.s:hover) .s:focus:not(:hover) .why { display: none }
.block { display: block }
.block.more { margin-top: .8rem; padding-top: .7rem; border-top: 1px solid var(--line) }
.head { display: block; font-weight: 650; margin-bottom: .2rem }
.row { display: grid; grid-template-columns: 5.6rem 1fr 2.4rem; gap: .5rem; align-items: center }
.row .bar { margin: 0 }
.row span:first-child { overflow: hidden; text-overflow: ellipsis }
.subhead { display: block; margin: .5rem 0 .15rem; color: var(--soft) }
.piece { display: grid; grid-template-columns: 2.9rem 1fr; gap: .5rem }
.piece.plus .number { color: var(--pro) }
.piece.minus .number { color: var(--con) }
.quiet { display: block; color: var(--soft); margin-top: .25rem }
.hint { position: fixed; right: 1rem; top: 6rem; width: 19rem; margin: 0; color: var(--faint); font-size: .85rem }
.key { font-size: .8rem; margin-top: 2rem; padding-top: .8rem; border-top: 1px solid var(--line) }
.key .tag, .key .chip { font-size: .68rem; line-height: 1; margin-right: .4rem }
.demo { font-weight: 400; padding: 0 .15rem; border-radius: .15rem; color: var(--ink) }
.demo.plus { background: var(--plus) }
.demo.minus { background: var(--minus); font-style: italic }
footer { font-size: .78rem; margin-top: 1rem; overflow-wrap: anywhere }
@media (min-width:68rem) {
  .page { margin-left: max(1.25rem,calc((100vw - 68rem)/2)); margin-right: 0 }
  .why, .hint { right: max(1rem,calc((100vw - 68rem)/2)) }
}
@media (max-width:67.99rem) {
  .why { left: 0; right: 0; bottom: 0; top: auto; width: auto; max-height: 45vh; border-radius: .8rem .8rem 0 0 }
  .hint { position: static; width: auto; margin: .6rem 0 }
  .page { padding-bottom: 48vh }
  .s { scroll-margin-bottom: 48vh }
}
@media (max-width:34rem) {
  .shares { grid-template-columns: 1fr }
}
@media print {
  body { font-size: 11pt }
  .page { max-width: none; margin: 0; padding: 0 }
  .top { position: static }
  .why, .hint, .switch { display: none!important }
  .words { print-color-adjust: exact; -webkit-print-color-adjust: exact }
  .prose p, .shares { break-inside: avoid }
  h2 { break-after: avoid }
}
"""

_MARKS = {
    "pro": "background:var(--pro-wash);text-decoration:underline solid var(--pro) 2px",
    "con": "background:var(--con-wash);text-decoration:underline wavy var(--con) 1.5px",
    "none": "text-decoration:underline dotted var(--faint) 1.5px",
    "alt1": "text-decoration:underline double var(--alt1) 2px",
    "alt2": "text-decoration:underline dashed var(--alt2) 2px",
    "alt3": "text-decoration:underline dotted var(--alt3) 2px",
}


def style_sheet(targets: int) -> str:
    """The whole style sheet of a page with so many targets."""
    return _CSS + _switch_css(targets)


def _switch_css(targets: int) -> str:
    """Rules for each target: what shows while its switch is on; without targets, highlights always show."""
    rules = []
    for i in range(targets):
        on, off = f"#t{i}:checked~.page", f"#t{i}:not(:checked)~.page"
        rules.append(f"{off} .o{i}{{display:none}}")
        rules.append(f'{on} label[for="t{i}"]{{background:var(--ink);color:var(--paper)}}')
        rules.append(
            f'#t{i}:focus-visible~.page label[for="t{i}"]{{outline:2px solid var(--focus);outline-offset:2px}}'
        )
        rules.append(f"{on} .row{i} th{{font-weight:700}}")
        rules += [f"{on} .m{i}-{look} .words{{{css}}}" for look, css in _MARKS.items()]
    for i in range(max(targets, 1)):
        here = f"#t{i}:checked~.page " if targets else ""
        rules += [
            f"{here}.s:is(:hover,:focus-within,:focus) .w{i}{sign}{level}{{{_highlight(sign, level)}}}"
            for sign in "pn"
            for level in range(1, len(LEVELS) + 1)
        ]
    return "\n".join(rules)


def _highlight(sign: str, level: int) -> str:
    strength = (30, 60, 100)[level - 1]
    if sign == "p":
        return f"background:color-mix(in srgb,var(--plus) {strength}%,transparent)"
    return f"background:color-mix(in srgb,var(--minus) {strength}%,transparent);font-style:italic"
