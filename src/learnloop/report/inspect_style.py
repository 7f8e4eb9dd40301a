"""The style sheet of `inspect_page`."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink:#1d2430; --soft:#5c6675; --line:#e2e6ec; --page:#f6f7f9; --card:#fff;
  --bar:#3f74c9; --hot:#c4472f; --warn:#fdf0ea; --warn-edge:#c4472f; --note:#eef3fb; --note-edge:#3f74c9;
  --fine:#ebf6ee; --fine-edge:#3b8f57; }
@media (prefers-color-scheme: dark) { :root { --ink:#e6e9ee; --soft:#9aa5b4; --line:#2e3641; --page:#14181d;
  --card:#1b2027; --bar:#6f9fe8; --hot:#ec8169; --warn:#2d1f1b; --warn-edge:#ec8169; --note:#1a2330;
  --note-edge:#6f9fe8; --fine:#18261c; --fine-edge:#6cc088; } }
* { box-sizing:border-box; }
body { margin:0; background:var(--page); color:var(--ink); -webkit-text-size-adjust:100%;
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif; }
main { max-width:1120px; margin:0 auto; padding:28px 20px 56px; }
header h1 { font-size:26px; line-height:1.25; margin:0; overflow-wrap:anywhere; }
header p { margin:4px 0 0; color:var(--soft); }
section { margin-top:34px; }
h2 { font-size:18px; margin:0 0 2px; overflow-wrap:anywhere; }
.hint { margin:2px 0 10px; color:var(--soft); font-size:13.5px; }
.warnings { list-style:none; margin:20px 0 0; padding:0; display:grid; gap:8px; }
.warnings li { display:flex; gap:12px; padding:9px 14px; border-radius:7px; border-left:4px solid;
  overflow-wrap:anywhere; }
.warnings b { flex:none; width:44px; font-weight:600; font-size:13px; padding-top:1px; }
.warnings .warning { background:var(--warn); border-color:var(--warn-edge); }
.warnings .warning b { color:var(--warn-edge); }
.warnings .note { background:var(--note); border-color:var(--note-edge); }
.warnings .note b { color:var(--note-edge); }
.warnings .fine { background:var(--fine); border-color:var(--fine-edge); }
section > .bars { max-width:760px; }
.bars { width:100%; border-collapse:collapse; font-variant-numeric:tabular-nums; table-layout:auto; }
.bars th { text-align:left; font-weight:400; padding:2px 12px 2px 0; width:1%; min-width:44px;
  max-width:190px; white-space:nowrap; overflow:hidden; text-overflow:ellipsis; }
.bars .bar { padding:2px 0; }
.bars i { display:block; height:14px; background:var(--bar); border-radius:2px; min-width:1px; }
.bars i.hot { background:var(--hot); }
.bars .num { width:1%; text-align:right; padding:2px 0 2px 12px; white-space:nowrap; color:var(--soft); }
.cards { display:grid; grid-template-columns:repeat(auto-fill,minmax(250px,1fr)); gap:14px; margin-top:10px; }
article { background:var(--card); border:1px solid var(--line); border-radius:9px; padding:13px 15px 11px;
  min-width:0; }
article.aside { opacity:.78; }
article .bars { font-size:13px; table-layout:auto; }
article .bars th { max-width:110px; }
article .bars i { height:11px; }
h3 { margin:0; font-size:15px; overflow-wrap:anywhere; }
.chips { margin:2px 0 9px; } .chip { display:inline-block; font-size:12px; color:var(--soft); border:1px solid
  var(--line); border-radius:10px; padding:0 8px; margin-right:5px; }
svg { display:block; width:100%; height:62px; } .wide svg { height:130px; } .wide { background:var(--card);
  border:1px solid var(--line); border-radius:9px; padding:14px 16px 6px; }
svg rect { fill:var(--bar); } svg line { stroke:var(--line); stroke-width:1; }
.axis { display:flex; justify-content:space-between; gap:8px; margin:2px 0 6px; font-size:12px;
  color:var(--soft); font-variant-numeric:tabular-nums; } .axis .out { color:var(--hot); text-align:center; }
.stat { margin:4px 0 0; font-size:13px; } .why { margin:5px 0 0; font-size:12.5px; color:var(--soft); }
.gap { height:5px; border-radius:3px; background:var(--line); margin-top:8px; overflow:hidden; }
.gap i { display:block; height:100%; background:var(--soft); }
.examples { margin:0 0 6px; padding-left:18px; font-size:13px; overflow-wrap:anywhere; color:var(--soft); }
.plain { margin:6px 0 0; padding-left:20px; }
.sheet { display:flex; flex-wrap:wrap; gap:5px; align-items:center; padding:5px 0; }
.sheet h3 { width:110px; font-weight:400; font-size:14px; } .sheet img { height:58px; border-radius:3px;
  background:var(--line); }
.sheet img.crisp { image-rendering:pixelated; }
@media (max-width:560px) { main { padding:20px 14px 40px; } header h1 { font-size:22px; }
  .sheet h3 { width:100%; } .sheet img { height:40px; } .cards { grid-template-columns:1fr; }
  .warnings li { display:block; } .warnings b { display:block; } }
@media print { body { background:#fff; } article { break-inside:avoid; } }
"""
