namespace AIaaS.Data.Reports;

/// <summary>The look of the page, and the little it does beyond showing: finding, sorting, opening a card that is linked to.</summary>
internal static class PageAssets
{
    public const string Style = """

        :root {
          color-scheme: light dark;
          --ground: #f6f7f9; --sheet: #ffffff; --line: #e2e6ec; --text: #18202c; --muted: #5a6677; --track: #e9edf2;
          --accent: #2f5bd8; --accent-soft: #e8eefc; --fill: #5b83e8;
          --good: #157347; --good-soft: #e3f4ea; --warn: #8a5a00; --warn-soft: #fdf1d6; --warn-fill: #e0a52a; --bad: #b4233c; --bad-soft: #fde8eb; --bad-fill: #d9485f;
          --shadow: 0 1px 2px rgb(16 24 40 / .06);
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --ground: #0e1218; --sheet: #161b24; --line: #29313e; --text: #e7ebf2; --muted: #9aa6b8; --track: #252d3a;
            --accent: #8fb0ff; --accent-soft: #1d2a47; --fill: #6f95ee;
            --good: #5fd39a; --good-soft: #14301f; --warn: #f0bf55; --warn-soft: #35290d; --warn-fill: #d49a24; --bad: #ff8a9a; --bad-soft: #3b161d; --bad-fill: #e2566c;
            --shadow: none;
          }
        }
        * { box-sizing: border-box; }
        html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
        body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
        header, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 20px; }
        header { padding-top: 36px; }
        footer { padding-top: 8px; padding-bottom: 40px; color: var(--muted); font-size: 13px; }
        h1 { margin: 0; font-size: 28px; line-height: 1.2; letter-spacing: -.015em; }
        h2 { margin: 0 0 4px; font-size: 19px; letter-spacing: -.01em; }
        h3 { margin: 18px 0 6px; font-size: 15px; }
        p { margin: 0 0 10px; }
        a { color: var(--accent); text-decoration: none; }
        a:hover { text-decoration: underline; }
        code { font: .92em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
        :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
        .skip { position: absolute; left: -999px; }
        .skip:focus { left: 12px; top: 12px; background: var(--sheet); padding: 6px 12px; z-index: 1; }
        .muted, .lead { color: var(--muted); }
        section { background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); padding: 18px 20px; margin: 0 0 16px; }
        #details { background: none; border: 0; box-shadow: none; padding: 8px 0 0; }

        .verdict { display: inline-flex; align-items: center; gap: 8px; margin: 10px 0 0; padding: 3px 12px 3px 10px; border-radius: 999px; font-weight: 600; font-size: 14px; }
        .verdict .dot { width: 9px; height: 9px; border-radius: 50%; background: currentColor; }
        .good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
        .verdict.good, .badge.good { background: var(--good-soft); } .verdict.warn, .badge.warn, .count.warn { background: var(--warn-soft); } .verdict.bad, .badge.bad, .count.bad { background: var(--bad-soft); }
        .refusal { margin: 14px 0 0; padding: 12px 16px; border-left: 4px solid var(--bad-fill); border-radius: 6px; background: var(--bad-soft); overflow-wrap: anywhere; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0 16px; }
        .tiles div { background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); padding: 12px 16px; }
        .tiles dt { color: var(--muted); font-size: 13px; }
        .tiles dd { margin: 0; font-size: 24px; font-weight: 650; line-height: 1.25; letter-spacing: -.01em; font-variant-numeric: tabular-nums; }
        .tiles dd.muted { font-size: 13px; font-weight: 400; letter-spacing: 0; }

        .badge, .count { display: inline-block; padding: 0 8px; border-radius: 999px; background: var(--track); font-size: 12px; line-height: 20px; font-weight: 550; white-space: nowrap; }
        .badge { color: var(--muted); } .badge.good { color: var(--good); } .badge.warn { color: var(--warn); } .badge.bad { color: var(--bad); }
        .badge.accent { color: var(--accent); background: var(--accent-soft); }
        .group { margin-top: 8px; }
        .group summary { display: flex; align-items: center; gap: 8px; cursor: pointer; }
        summary { list-style: none; }
        summary::-webkit-details-marker { display: none; }
        summary::before { content: ""; flex: none; width: 6px; height: 6px; margin: 0 2px; border: solid var(--muted); border-width: 0 1.5px 1.5px 0; transform: rotate(-45deg); }
        details[open] > summary::before { transform: rotate(45deg); }
        .group h3 { margin: 0; }
        .findings { list-style: none; margin: 8px 0 4px; padding: 0; display: grid; gap: 6px; }
        .findings li { color: var(--text); padding: 6px 12px; border-left: 3px solid var(--line); background: var(--ground); border-radius: 4px; overflow-wrap: anywhere; }
        .findings li.warn { border-color: var(--warn-fill); } .findings li.bad { border-color: var(--bad-fill); } .findings li.info { border-color: var(--fill); }
        .findings a { font-weight: 600; }

        .scroll { overflow-x: auto; margin: 0 -20px; padding: 0 20px; }
        table { border-collapse: collapse; width: 100%; font-size: 14px; }
        thead th, thead td { border-bottom: 1px solid var(--line); }
        thead th { color: var(--muted); font-weight: 550; font-size: 13px; text-align: left; white-space: nowrap; }
        th, td { padding: 6px 14px 6px 0; vertical-align: middle; }
        tbody th { text-align: left; font-weight: 550; min-width: 110px; max-width: 320px; overflow-wrap: break-word; }
        tbody tr + tr > * { border-top: 1px solid var(--line); }
        .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        th.n { text-align: right; }
        th button { all: unset; cursor: pointer; }
        th button:focus-visible { outline: 2px solid var(--accent); }
        th[aria-sort=ascending] button::after { content: " ↑"; } th[aria-sort=descending] button::after { content: " ↓"; }
        .barred { white-space: nowrap; font-variant-numeric: tabular-nums; }
        .barred .bar { width: 72px; margin-right: 8px; vertical-align: middle; }
        .tools label { color: var(--muted); }
        input { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 8px; padding: 5px 10px; width: min(260px, 100%); }

        svg { display: inline-block; }
        .bar { width: 100%; height: 6px; }
        .bar .track { fill: var(--track); } .bar .fill { fill: var(--fill); } .bar.warn .fill { fill: var(--warn-fill); } .bar.bad .fill { fill: var(--bad-fill); }
        .spark { width: 96px; height: 22px; vertical-align: middle; }
        .spark path, .column { fill: var(--fill); }
        .chart { margin: 12px 0 0; }
        .chart svg { display: block; width: 100%; height: 132px; }
        .chart .hit { fill: transparent; }
        .chart g:hover .column { fill: var(--accent); }
        .chart .axis, .chart .whisker { stroke: var(--line); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
        .chart .whisker { stroke: var(--muted); }
        .chart .box { fill: var(--muted); opacity: .45; }
        .chart .median { fill: var(--text); }
        figcaption { display: flex; justify-content: space-between; gap: 12px; color: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }

        .values { list-style: none; margin: 8px 0 0; padding: 0; font-size: 14px; }
        .values li { display: grid; grid-template-columns: minmax(80px, 34%) 1fr minmax(48px, auto) 52px; gap: 10px; align-items: center; padding: 2px 0; }
        .values li.muted { display: block; font-size: 13px; }
        .value { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
        .values .bar { height: 8px; }
        .cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 340px), 1fr)); gap: 14px; margin-top: 10px; align-items: start; }
        .card { background: var(--sheet); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); padding: 12px 16px; min-width: 0; content-visibility: auto; contain-intrinsic-size: auto 60px; }
        .card:target { border-color: var(--accent); box-shadow: 0 0 0 2px var(--accent-soft); }
        .card summary { cursor: pointer; display: flex; flex-wrap: wrap; align-items: center; gap: 4px 8px; }
        .card[open] summary { margin-bottom: 8px; }
        .card h3 { margin: 0; flex: 1 1 auto; min-width: 0; overflow-wrap: anywhere; font-size: 16px; }
        .card > .bar { height: 4px; display: block; }
        .facts { display: grid; grid-template-columns: 1fr 1fr; grid-auto-flow: dense; gap: 2px 18px; margin: 12px 0 0; font-size: 13px; }
        .facts div { display: flex; justify-content: space-between; gap: 10px; min-width: 0; }
        .facts dt { color: var(--muted); white-space: nowrap; }
        .facts dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; min-width: 0; overflow-wrap: anywhere; display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }
        .facts div.wide { grid-column: 1 / -1; }
        .card .findings { font-size: 13px; }

        @media (max-width: 560px) {
          header, main, footer { padding-left: 12px; padding-right: 12px; }
          header { padding-top: 20px; }
          section { padding: 14px; }
          .scroll { margin: 0 -14px; padding: 0 14px; }
          .tiles { grid-template-columns: 1fr 1fr; gap: 8px; }
          .tiles dd { font-size: 20px; }
          .tiles dd.muted { font-size: 12px; }
        }
        @media print {
          body { background: #fff; } section, .card, .tiles div { box-shadow: none; break-inside: avoid; } .tools { display: none; }
        }

        """;

    public const string Script = """

        (() => {
          "use strict";
          const open = () => {
            const at = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
            if (at && at.tagName === "DETAILS") { at.open = true; at.scrollIntoView(); }
          };
          addEventListener("hashchange", open);
          open();

          const table = document.getElementById("overview");
          const body = table.tBodies[0];
          const rows = [...body.rows];
          const valueOf = (row, i) => {
            const cell = row.cells[i];
            return cell.dataset.v === undefined ? cell.textContent.trim().toLowerCase() : Number(cell.dataset.v);
          };
          [...table.tHead.rows[0].cells].forEach((head, i) => {
            if (head.hasAttribute("data-fixed")) return;
            const button = document.createElement("button");
            button.type = "button";
            button.textContent = head.textContent;
            head.replaceChildren(button);
            button.addEventListener("click", () => {
              const numbers = rows.length > 0 && typeof valueOf(rows[0], i) === "number";
              const first = numbers ? "descending" : "ascending", second = numbers ? "ascending" : "descending";
              const order = head.getAttribute("aria-sort") === first ? second : first;
              for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
              head.setAttribute("aria-sort", order);
              const sign = order === "ascending" ? 1 : -1;
              const keyed = rows.map(row => [valueOf(row, i), row]);
              keyed.sort((a, b) => sign * (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
              body.append(...keyed.map(pair => pair[1]));
            });
          });

          const find = document.getElementById("find"), found = document.getElementById("found");
          find.closest("p").hidden = rows.length < 8;
          const names = rows.map(row => row.cells[0].textContent.toLowerCase());
          find.addEventListener("input", () => {
            const wanted = find.value.trim().toLowerCase();
            let shown = 0;
            rows.forEach((row, i) => {
              row.hidden = !names[i].includes(wanted);
              shown += row.hidden ? 0 : 1;
            });
            found.textContent = wanted ? `${shown} of ${rows.length}` : "";
          });
        })();

        """;
}
