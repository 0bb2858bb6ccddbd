"""The style sheet of the live panels: light and dark, wide and narrow."""

from __future__ import annotations

from typing import Final

from analytex_pandas.show.markup import Markup

# Contrast is at least 5.6:1 on the notebook's own backgrounds. VS Code puts widgets on white whatever its
# theme, and says nothing in data-jp-theme-light, so light is what holds where nothing is said.
LIGHT: Final = "--apd-ok:#0b6e99;--apd-bad:#b3261e;--apd-warn:#8a5a00;--apd-busy:#35657d;--apd-on:#fff;"
DARK: Final = "--apd-ok:#5cc8ff;--apd-bad:#ff8a75;--apd-warn:#f2c14e;--apd-busy:#a9cfe2;--apd-on:#111;"

STYLE: Final = Markup(f"""<style>
.apd{{{LIGHT}--apd-line:rgba(128,128,128,.38);--apd-soft:rgba(128,128,128,.14);
width:100%;max-width:60rem;container-type:inline-size}}
body[data-jp-theme-light="false"] .apd,html[theme="dark"] .apd{{{DARK}}}
.apd,.apd .widget-html-content{{color:var(--jp-ui-font-color1,inherit);font-size:13px;line-height:1.5;
font-variant-numeric:tabular-nums;overflow-wrap:anywhere}}
.apd .widget-box,.apd.widget-box{{overflow:visible;min-width:0}}
.apd .widget-html{{width:auto;min-width:0;height:auto;margin:0 2px}}
.apd .apd-style{{display:none}}
.apd code{{font-size:12px;background:var(--apd-soft);color:inherit;padding:0 3px;border-radius:3px}}
.apd-ok{{color:var(--apd-ok)}}.apd-bad{{color:var(--apd-bad)}}.apd-warn{{color:var(--apd-warn)}}
.apd-busy{{color:var(--apd-busy)}}
.apd-state{{font-size:15px}}.apd-state b{{font-weight:600}}
.apd-track{{display:flex;height:14px;border-radius:4px;overflow:hidden;background:var(--apd-soft);
box-shadow:inset 0 0 0 1px var(--apd-line);margin:4px 0}}
.apd-track span{{min-width:3px;background:currentColor}}
.apd-track .apd-bad{{background:repeating-linear-gradient(135deg,currentColor 0 3px,var(--apd-on) 3px 4px)}}
.apd-track .apd-busy{{opacity:.55}}
.apd-numbers{{display:flex;flex-wrap:wrap;gap:2px 20px}}
.apd-numbers b{{font-size:16px;font-weight:600}}
.apd-spark{{letter-spacing:0;color:var(--apd-busy);line-height:1}}
.apd-cells{{display:flex;flex-wrap:wrap;gap:2px 8px;margin:4px 0;max-height:18rem;overflow-y:auto}}
.apd-cells>span{{display:grid;grid-template-columns:repeat(10,14px);gap:2px}}
.apd-cells i{{font:normal 11px/14px var(--jp-code-font-family,monospace);height:14px;text-align:center;
border-radius:2px;box-shadow:inset 0 0 0 1px var(--apd-line)}}
.apd-cells .o,.apd-cells .b,.apd-cells .w{{color:var(--apd-on);box-shadow:none}}
.apd-cells .o{{background:var(--apd-ok)}}.apd-cells .b{{background:var(--apd-bad)}}
.apd-cells .w{{background:var(--apd-warn)}}
.apd-cells .e{{color:var(--apd-bad);font-weight:700;box-shadow:inset 0 0 0 1.5px currentColor}}
.apd-cells .u{{color:var(--apd-busy);box-shadow:inset 0 0 0 1px currentColor}}
.apd-legend{{display:flex;flex-wrap:wrap;gap:0 16px}}
.apd .apd-buttons{{flex-flow:row wrap;align-items:center;gap:4px;margin:3px 2px}}
.apd .apd-buttons>*{{flex:0 1 auto;margin:0}}
.apd button.widget-button,.apd button.widget-toggle-button{{width:auto;min-width:4.5rem;padding:0 10px;
white-space:normal;height:auto;min-height:28px;line-height:20px;color:var(--jp-ui-font-color1,inherit)}}
.apd button:focus-visible{{outline:2px solid var(--apd-ok);outline-offset:1px}}
.apd button:disabled{{opacity:.45}}
.apd .apd-ask{{border-left:3px solid var(--apd-warn);padding:2px 0 4px 8px;margin:4px 2px}}
.apd .apd-section{{border-top:1px solid var(--apd-line);padding-top:4px;margin-top:4px}}
.apd-scroll{{overflow-x:auto}}
.apd table.apd-table{{border-collapse:collapse;margin:4px 0;font-size:12px;width:auto}}
.apd table.apd-table caption{{text-align:left;font-weight:600;padding:2px 0}}
.apd table.apd-table th,.apd table.apd-table td{{text-align:left;vertical-align:top;padding:2px 12px 2px 0;
font-weight:400;border-bottom:1px solid var(--apd-line);overflow-wrap:break-word;
max-width:24rem}}
.apd table.apd-table thead th{{font-weight:600;white-space:nowrap}}
.apd table.apd-table .apd-number{{text-align:right;white-space:nowrap}}
@container (max-width:40rem){{.apd table.apd-table,.apd table.apd-table tbody,.apd table.apd-table caption
{{display:block}}.apd table.apd-table thead{{display:none}}.apd table.apd-table tr{{display:flex;flex-wrap:wrap;
gap:0 12px;border-bottom:1px solid var(--apd-line);padding:3px 0;background:none}}
.apd table.apd-table th,.apd table.apd-table td,.apd table.apd-table .apd-number{{display:block;border:0;padding:0;
text-align:left;min-width:0;max-width:100%}}.apd table.apd-table td:empty{{display:none}}
.apd table.apd-table [data-label]::before{{content:attr(data-label)" ";opacity:.75}}}}
.apd-trouble{{border-left:3px solid var(--apd-bad);padding-left:8px}}
@media (prefers-reduced-motion:reduce){{.apd *{{animation:none!important;transition:none!important}}}}
@media (forced-colors:active){{.apd-track span{{background:Highlight;forced-color-adjust:none}}
.apd-cells i{{box-shadow:none}}}}
</style>""")
