"use strict";
// The language and theme a reader chose, the figures in both, the contents that follow the page, tables that sort.
(() => {
  const root = document.documentElement;
  const wide = matchMedia("(min-width: 64rem)");
  const systemDark = matchMedia("(prefers-color-scheme: dark)");
  root.classList.add("scripted");

  // A browser may forbid storage to pages from a folder: then a choice lasts as long as the page.
  const remembered = (name) => { try { return localStorage.getItem("avrec-" + name); } catch { return null; } };
  const remember = (name, value) => { try { localStorage.setItem("avrec-" + name, value); } catch { /* not kept */ } };

  const isDark = () => (root.dataset.theme || (systemDark.matches ? "dark" : "light")) === "dark";

  function setLanguage(language) {
    root.dataset.language = language;
    root.lang = language === "zh" ? "zh-CN" : "en";
    const title = document.querySelector(`h1 [lang="${language}"]`);
    if (title) document.title = title.textContent.trim() + " · avrec";
  }

  function setTheme(theme) {
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    document.getElementById("theme-toggle").setAttribute("aria-pressed", String(isDark()));
  }

  // Figures. Colours are read from the page, so that the stylesheet is the only place that knows them.
  function pageColours(drawing) {
    const style = getComputedStyle(drawing);
    return {ink: style.color, paper: style.backgroundColor, grid: style.borderTopColor, axis: style.outlineColor};
  }

  function themed(layout, colours, narrow) {
    const none = "rgba(0,0,0,0)";
    const axis = {gridcolor: colours.grid, zerolinecolor: colours.axis, linecolor: colours.axis, tickcolor: colours.axis};
    const solid = {...axis, backgroundcolor: none};
    const own = structuredClone(layout);
    const base = {...own.template?.layout};
    const isAxis = (name) => /^[xy]axis\d*$/.test(name);
    for (const name of new Set(["xaxis", "yaxis", ...Object.keys(base).filter(isAxis)])) {
      base[name] = {...base[name], ...axis};
    }
    for (const name of Object.keys(own).filter(isAxis)) Object.assign(own[name], axis);
    base.polar = {...base.polar, bgcolor: none, angularaxis: axis, radialaxis: axis};
    base.ternary = {...base.ternary, bgcolor: none, aaxis: axis, baxis: axis, caxis: axis};
    base.scene = {...base.scene, xaxis: solid, yaxis: solid, zaxis: solid};
    own.template = {...own.template, layout: base};
    Object.assign(own, {paper_bgcolor: none, plot_bgcolor: none, font: {...own.font, color: colours.ink}});
    if (narrow) own.font.size = 11;
    own.modebar = {bgcolor: none, color: colours.axis, activecolor: colours.ink};
    const hover = own.hoverlabel ?? {};
    own.hoverlabel = {...hover, bgcolor: colours.paper, bordercolor: colours.axis, font: {...hover.font, color: colours.ink}};
    return own;
  }

  function named(layout, language) {
    for (const [path, text] of Object.entries(layout.meta?.labels?.[language] ?? {})) {
      const steps = path.split(".");
      const last = steps.pop();
      steps.reduce((place, step) => (place[step] ??= {}), layout)[last] = text;
    }
    return layout;
  }

  const drawings = [...document.querySelectorAll("figure.plot")].map((figure) => ({
    place: figure.querySelector(".drawing"),
    content: figure.querySelector("script[type='application/json']"),
  }));

  function draw() {
    if (!window.Plotly) return;
    const language = root.dataset.language;
    for (const drawing of drawings) {
      drawing.parsed ??= JSON.parse(drawing.content.textContent);
      if (!drawing.drawn) drawing.place.replaceChildren();
      drawing.drawn = true;
      const layout = named(themed(drawing.parsed.layout, pageColours(drawing.place), drawing.place.clientWidth < 480), language);
      Plotly.react(drawing.place, structuredClone(drawing.parsed.data), layout, {
        displaylogo: false, responsive: true, locale: language === "zh" ? "zh-CN" : "en-US",
        modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
      });
    }
  }

  if (window.Plotly) {
    Plotly.register({
      moduleType: "locale", name: "zh-CN", format: {thousands: ",", decimal: "."},
      dictionary: {
        "Download plot as a PNG": "下载为 PNG 图片", "Download plot as a png": "下载为 PNG 图片", "Download plot": "下载图片",
        "Zoom": "框选放大", "Pan": "平移", "Zoom in": "放大", "Zoom out": "缩小", "Reset axes": "还原",
        "Double-click to zoom back out": "双击还原", "Autoscale": "自动缩放",
        "Double-click on legend to isolate one trace": "双击图例可只看一个系列",
      },
    });
  }

  // Tables that sort by a click or by keyboard on a heading.
  function keyOf(cell) {
    const raw = cell.dataset.sort ?? cell.innerText.trim();
    const value = raw === "" ? NaN : Number(raw);
    return {raw, value};
  }

  function sortBy(table, heading, column) {
    const up = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const rows = [...table.tBodies[0].rows].map((row) => ({row, key: keyOf(row.cells[column])}));
    const empty = (key) => key.raw === "" || key.raw === "–";
    rows.sort((one, other) => {
      if (empty(one.key) || empty(other.key)) return Number(empty(one.key)) - Number(empty(other.key));
      const numbers = !Number.isNaN(one.key.value) && !Number.isNaN(other.key.value);
      const order = numbers ? one.key.value - other.key.value
        : one.key.raw.localeCompare(other.key.raw, root.lang, {numeric: true});
      return up ? order : -order;
    });
    table.tBodies[0].append(...rows.map(({row}) => row));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((heading, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sortBy(table, heading, column));
    });
  }

  // The contents: open beside a wide page, folded above a narrow one, the current section marked.
  const contents = document.querySelector(".contents details");
  if (contents) {
    const fit = () => { contents.open = wide.matches; };
    wide.addEventListener("change", fit);
    fit();
    const links = [...contents.querySelectorAll("a")];
    const targets = links.map((link) => document.getElementById(decodeURIComponent(link.hash.slice(1))));
    contents.addEventListener("click", (event) => {
      if (event.target.closest("a") && !wide.matches) contents.open = false;
    });
    let waiting = false;
    const mark = () => {
      waiting = false;
      let current = -1;
      targets.forEach((target, place) => {
        if (target?.offsetParent && target.getBoundingClientRect().top < innerHeight * 0.25) current = place;
      });
      if (current >= 0 && scrollY + innerHeight >= document.body.scrollHeight - 2) {
        current = targets.findLastIndex((target) => target?.offsetParent);
      }
      links.forEach((link, place) => {
        if (place === current) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
      });
    };
    addEventListener("scroll", () => { if (!waiting) { waiting = true; requestAnimationFrame(mark); } }, {passive: true});
    mark();
  }

  document.getElementById("language-toggle").addEventListener("click", () => {
    const language = root.dataset.language === "zh" ? "en" : "zh";
    setLanguage(language);
    remember("language", language);
    draw();
  });
  document.getElementById("theme-toggle").addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    setTheme(theme);
    remember("theme", theme);
    draw();
  });
  systemDark.addEventListener("change", () => { setTheme(root.dataset.theme); draw(); });

  // Paper is white.
  let onScreen;
  addEventListener("beforeprint", () => { onScreen = root.dataset.theme; setTheme("light"); draw(); });
  addEventListener("afterprint", () => { setTheme(onScreen); draw(); });

  setLanguage(remembered("language") ?? root.dataset.language);
  setTheme(remembered("theme"));
  draw();
})();
