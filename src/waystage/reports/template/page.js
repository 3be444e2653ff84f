"use strict";
// Everything is in the page without this script; it sorts, filters, opens and compares. Text of data is only ever set
// as text (textContent), never as markup.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const make = (name, attributes = {}, ...inside) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...inside.filter((x) => x !== null && x !== undefined));
    return element;
  };
  const sign = (value) => (value === null ? "–" : ((value < 0 && value > -0.005 ? 0 : value) < 0 ? "" : "+") + value.toFixed(2).replace("-0.00", "0.00"));
  const score = (value) => (value === null ? "–" : value.toFixed(2));
  const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* pages from disk may have none */ } };
  const recall = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const choice = (name, label, options, change) => {
    const list = make("select", { name }, ...options.map(([value, text]) => make("option", { value }, text)));
    list.addEventListener("change", change);
    return make("label", {}, label, list);
  };

  // Light and dark
  const dark = () => {
    const said = document.documentElement.dataset.theme;
    return said ? said === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const theme = make("button", { type: "button", class: "theme" });
  const show = () => { theme.textContent = dark() ? "Light page" : "Dark page"; };
  if (recall("waystage-theme")) document.documentElement.dataset.theme = recall("waystage-theme");
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    remember("waystage-theme", document.documentElement.dataset.theme);
    show();
  });
  show();
  $("header").prepend(theme);

  // A cell of the gain matrix: its languages
  const panel = $("#cell");
  const meter = (cell, low, high) => {
    const at = (value) => `${(100 * (value - low)) / (high - low)}%`;
    const bar = make("span", { class: "meter", "aria-hidden": "true" }, make("u", { style: `left:${at(0)}` }));
    if (cell[4] !== null) {
      const [a, b] = [Math.max(cell[4], low), Math.min(cell[5], high)];
      bar.append(make("i", { style: `left:${at(a)};width:${(100 * (b - a)) / (high - low)}%` }));
    }
    bar.append(make("b", { style: `left:${at(cell[3])}` }));
    return bar;
  };
  const open = (link) => {
    const { model, source, arm, target } = link.dataset;
    const block = data.blocks.find((b) => b[0] === model && b[1] === source && b[2] === arm && b[3] === target);
    panel.replaceChildren();
    panel.hidden = false;
    const title = make("h3", { tabindex: "-1" }, `${arm} on ${target}, language by language`);
    panel.append(title);
    if (!block) { panel.append(make("p", {}, "No language of this cell is in yet.")); title.focus(); return; }
    const cells = [...block[6]].sort((a, b) => b[3] - a[3]);
    const gains = cells.map((c) => c[3]);
    const reach = Math.max(1, ...gains.map(Math.abs)) * 2;
    const rows = cells.map((c) => {
      const [shown, name] = data.languages[c[0]];
      const interval = c[4] === null ? "no interval" : `${sign(c[4])} to ${sign(c[5])}`;
      return make("tr", {}, make("th", { scope: "row" }, shown, " ", make("small", {}, name)),
        make("td", { class: "number" }, score(c[1])), make("td", { class: "number" }, score(c[2])),
        make("td", { class: "number" }, sign(c[3])), make("td", {}, interval), make("td", {}, meter(c, -reach, reach)));
    });
    const note = data.note ? ` (${data.note})` : "";
    const heads = ["language", arm, data.baseline, "gain", "95 % interval", ""];
    const numeric = [1, 2, 3];
    panel.append(
      make("p", { class: "small" }, `${block[4]}, ${block[5]} seed${block[5] === 1 ? "" : "s"}. These intervals stand alone: among many languages a few exclude zero by chance.`),
      make("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "Languages of the chosen cell" },
        make("table", {}, make("caption", {}, `${arm} against ${data.baseline} on ${target}${note}`),
          make("thead", {}, make("tr", {}, ...heads.map((h, i) => h ? make("th", { scope: "col", class: numeric.includes(i) ? "number" : null }, h) : make("td", {})))),
          make("tbody", {}, ...rows))),
      closing(link));
    all("[data-cell]").forEach((other) => other.removeAttribute("aria-current"));
    link.setAttribute("aria-current", "true");
    title.focus({ preventScroll: true });
    panel.scrollIntoView({ block: "nearest" });
  };
  const closing = (link) => {
    const button = make("button", { type: "button" }, "Close");
    button.addEventListener("click", () => { panel.hidden = true; link.removeAttribute("aria-current"); link.focus(); });
    return button;
  };
  all("[data-cell]").forEach((link) => link.addEventListener("click", (event) => { event.preventDefault(); open(link); }));

  // Tables that sort
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const number = Number(text.replace(/[+,]/g, ""));
    return text === "" || text === "–" ? null : Number.isNaN(number) ? text : number;
  };
  const order = (a, b) => (a === null) - (b === null) || (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  all("table.sortable").forEach((table) => {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = make("button", { type: "button" }, ...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("number");
        const again = head.getAttribute("aria-sort") === (numeric ? "descending" : "ascending");
        const way = numeric !== again ? -1 : 1; // numbers begin with the largest, words with A
        [...table.tHead.rows[0].cells].forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", way > 0 ? "ascending" : "descending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [value(row, column), row]);
        rows.sort((a, b) => (a[0] === null || b[0] === null ? order(a[0], b[0]) : way * order(a[0], b[0])));
        body.append(...rows.map((pair) => pair[1]));
      });
    });
  });

  // Tables that filter
  const controls = $("#controls");
  const targets = all("details.target");
  if (controls && targets.length) {
    const kinds = ["family", "script", "order", "class"];
    const rows = targets.flatMap((t) => {
      const first = all("thead th", t).findIndex((head) => "by" in head.dataset);
      return [...$("tbody", t).rows].map((row) => [row, kinds.map((_, i) => row.cells[first + i].textContent)]);
    });
    const filter = () => {
      const wanted = kinds.map((name) => controls.elements[name].value);
      for (const [row, traits] of rows) row.hidden = wanted.some((text, i) => text && traits[i] !== text);
      const only = controls.elements.target.value;
      for (const t of targets) { t.hidden = only !== "" && t.id !== only; if (t.id === only) t.open = true; }
      const seen = new Set(rows.filter(([row]) => !row.hidden).map(([row]) => row.cells[0].textContent));
      $("#count").textContent = `${seen.size} languages`;
    };
    controls.append(choice("target", "target", [["", "all"], ...targets.map((t) => [t.id, $("summary", t).firstChild.textContent.trim()])], filter));
    kinds.forEach((name, i) => {
      const found = [...new Set(rows.map(([, traits]) => traits[i]))].filter(Boolean).sort();
      controls.append(choice(name, name, [["", "any"], ...found.map((text) => [text, text])], filter));
    });
    const clear = make("button", { type: "reset" }, "Show all");
    controls.append(clear, make("output", { id: "count" }));
    controls.addEventListener("reset", () => setTimeout(filter));
    controls.addEventListener("submit", (event) => event.preventDefault());
    controls.hidden = false;
    filter();
  }

  // Points say which language they are, and the language's other points light up
  const tip = $("#tip");
  document.addEventListener("pointerover", (event) => {
    const point = event.target.closest("[data-code]");
    all(".mark.on").forEach((other) => other.classList.remove("on"));
    tip.hidden = !point;
    if (!point) return;
    tip.textContent = $("title", point).textContent;
    all("[data-code]", point.ownerSVGElement).filter((p) => p.dataset.code === point.dataset.code).forEach((p) => p.classList.add("on"));
    tip.style.left = `${Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 4)}px`;
    tip.style.top = `${Math.max(event.clientY - 34, 4)}px`;
  });

  // Raw answers of two arms, side by side
  const pick = $("#pick");
  if (pick && data.examples.length) {
    const entries = data.examples;
    const key = (e) => [e.model, e.source_language, e.target].join(" · ");
    const short = (e) => (new Set(entries.map((x) => x.model + x.source_language)).size > 1 ? key(e) : e.target);
    const shown = $("#shown");
    const sets = [...new Map(entries.map((e) => [key(e), short(e)])).entries()];
    const current = () => entries.find((e) => key(e) === pick.elements.set.value && e.language === pick.elements.language.value);
    const fill = (list, options, keep) => {
      list.replaceChildren(...options.map(([v, text]) => make("option", { value: v }, text)));
      if (options.some(([v]) => v === keep)) list.value = keep;
    };
    const refill = () => {
      const of = entries.filter((e) => key(e) === pick.elements.set.value);
      fill(pick.elements.language, of.map((e) => [e.language, `${data.languages[e.language][0]} ${data.languages[e.language][1]}`]), pick.elements.language.value);
      const arms = current().arms.map((a) => [a, a]);
      const before = [pick.elements.first.value, pick.elements.second.value];
      fill(pick.elements.first, arms, before[0] || arms[0][0]);
      fill(pick.elements.second, arms, before[1] || arms[Math.min(1, arms.length - 1)][0]);
      draw();
    };
    const said = (item, arm) => {
      const right = item.right[arm];
      const word = right === null || right === undefined ? "not judged" : right ? "✓ right" : "✗ wrong";
      return make("div", { class: right === true ? "right" : right === false ? "wrong" : null },
        make("p", { class: "small", dir: "ltr" }, `${arm}: ${word}`), make("p", { dir: "auto" }, item.said[arm]));
    };
    const draw = () => {
      const entry = current();
      const arms = [pick.elements.first.value, pick.elements.second.value];
      const shownSeeds = [...new Set(entry.seeds)].join(", ");
      shown.replaceChildren(make("p", { class: "small" },
        `${entry.items.length} of ${entry.drawn} drawn, seed ${shownSeeds}` +
        (entry.arms.length < data.arms ? `; ${entry.arms.length} of ${data.arms} arms` : "") + (data.note ? `; ${data.note}` : "")),
        ...entry.items.map((item) => make("article", { class: "example" },
          make("p", { class: "small", dir: "ltr" }, `${item.id}`),
          make("dl", { lang: data.note ? null : entry.language }, ...[...item.fields, ["right answer", item.gold]].flatMap(([name, text]) => [
            make("dt", { lang: "en" }, name), make("dd", { dir: "auto" }, text)])),
          make("div", { class: "two", lang: data.note ? null : entry.language }, ...[...new Set(arms)].map((arm) => said(item, arm))))));
    };
    pick.append(choice("set", "target", sets, refill), choice("language", "language", [], refill),
      choice("first", "arm", [], draw), choice("second", "beside", [], draw));
    pick.addEventListener("submit", (event) => event.preventDefault());
    pick.hidden = false;
    refill();
  }

  // What is folded away on the screen is printed, apart from the long lists of how it was made
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("#answers details:not([open]), #languages details:not([open]), #distance details:not([open])");
    opened.forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((d) => { d.open = false; }));
})();
