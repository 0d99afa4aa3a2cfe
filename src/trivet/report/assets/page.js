// What a page offers beyond reading: it adds nothing that is not in the page, and asks for nothing.
"use strict";
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const press = (button, on) => button.setAttribute("aria-pressed", String(on));
  const pressed = (button) => button.getAttribute("aria-pressed") === "true";

  // Light or dark: the system's choice until the reader makes one, which this browser may keep.
  const root = document.documentElement;
  const kept = (change) => {
    try { return change(localStorage); } catch { return null; }
  };
  const theme = (dark) => {
    root.dataset.theme = dark ? "dark" : "light";
    press(one("#dark"), dark);
  };
  const chosen = kept((storage) => storage.getItem("trivet-theme"));
  const system = matchMedia("(prefers-color-scheme: dark)");
  theme(chosen ? chosen === "dark" : system.matches);
  system.addEventListener("change", (event) => {
    if (!kept((storage) => storage.getItem("trivet-theme"))) theme(event.matches);
  });
  one("#dark").addEventListener("click", () => {
    theme(!pressed(one("#dark")));
    kept((storage) => storage.setItem("trivet-theme", root.dataset.theme));
  });
  one(".switches").hidden = false;

  // Contents: open beside the text, folded above it; the section that is read is marked.
  const contents = one("nav details");
  const beside = matchMedia("(min-width: 78rem)");
  const fold = () => { contents.open = beside.matches; };
  beside.addEventListener("change", fold);
  fold();
  const entries = new Map(all("nav a").map((link) => [link.hash.slice(1), link]));
  const headings = all("main h2, main h3").filter((heading) => entries.has(heading.id));
  let current = null;
  const mark = () => {
    // Where a link brings a heading, below what follows along; at the end of the page, all that can be seen.
    const end = Math.ceil(innerHeight + scrollY) >= root.scrollHeight;
    const line = end ? innerHeight : Math.min(innerHeight / 3, 112);
    const read = headings.filter((heading) => heading.getBoundingClientRect().top < line).pop();
    const link = entries.get(read?.id) ?? null;
    if (link === current) return;
    current?.removeAttribute("aria-current");
    link?.setAttribute("aria-current", "location");
    if (beside.matches) link?.scrollIntoView({ block: "nearest", behavior: "instant" });
    current = link;
  };
  addEventListener("scroll", mark, { passive: true });
  mark();
  contents.addEventListener("click", (event) => {
    if (event.target.closest("a") && !beside.matches) contents.open = false;
  });

  // Sources: a value tells its own to a resting pointer, to a tap, and to focus.
  const tip = one("#source");
  const values = all(".value");
  let told = null;
  for (const value of values) {
    value.dataset.source = value.title;
    value.removeAttribute("title"); // or the browser would show it as well
  }
  const hide = () => {
    tip.hidden = true;
    told?.removeAttribute("aria-describedby");
    told = null;
  };
  const show = (value) => {
    hide();
    told = value;
    tip.replaceChildren(...value.dataset.source.split("\n").map((line, place) => {
      const part = document.createElement(place ? "span" : "code");
      part.textContent = line;
      return part;
    }));
    tip.hidden = false;
    value.setAttribute("aria-describedby", tip.id);
    const at = value.getClientRects()[0];
    const size = tip.getBoundingClientRect();
    const below = at.bottom + size.height < innerHeight || at.top < size.height;
    const left = Math.min(at.left, root.clientWidth - size.width - 8);
    tip.style.left = `${Math.max(left, 8) + scrollX}px`;
    tip.style.top = `${(below ? at.bottom : at.top - size.height) + scrollY}px`;
  };
  const under = (event) => event.target.closest?.(".value");
  const inside = (node) => node instanceof Node && (tip.contains(node) || told?.contains(node));
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    if (under(event)) { if (under(event) !== told) show(under(event)); }
    else if (told && !inside(event.target) && told !== document.activeElement) hide();
  });
  document.addEventListener("click", (event) => {
    if (under(event)) show(under(event));
    else if (!inside(event.target)) hide();
  });
  document.addEventListener("focusin", (event) => { if (under(event)) show(under(event)); });
  document.addEventListener("focusout", (event) => { if (under(event)) hide(); });

  // With the keyboard values are reached in a mode: one stop a paragraph, item or table, arrows inside.
  const blocks = new Map();
  for (const value of values) {
    const block = value.closest("table, dl, li, figcaption, p") ?? value.parentElement;
    if (!blocks.has(block)) blocks.set(block, []);
    blocks.get(block).push(value);
  }
  one("#sources").addEventListener("click", (event) => {
    const on = !pressed(event.currentTarget);
    press(event.currentTarget, on);
    root.classList.toggle("sourced", on);
    for (const group of blocks.values()) {
      group.forEach((value, place) => {
        if (on) { value.tabIndex = place ? -1 : 0; value.setAttribute("role", "button"); }
        else { value.removeAttribute("tabindex"); value.removeAttribute("role"); }
      });
    }
    one("#told").textContent = on
      ? `${values.length} values tell their source. Tab goes from text to text, arrow keys from value to value.`
      : "";
  });
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -Infinity, End: Infinity };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !tip.hidden) { hide(); return; }
    const value = event.target.closest?.(".sourced .value");
    if (!value) return;
    if (event.key === "Enter" || event.key === " ") show(value);
    else if (event.key in steps) {
      const group = [...blocks.values()].find((each) => each.includes(value));
      const to = Math.min(Math.max(group.indexOf(value) + steps[event.key], 0), group.length - 1);
      value.tabIndex = -1;
      group[to].tabIndex = 0;
      group[to].focus();
    } else return;
    event.preventDefault();
  });

  // What is wider than its place scrolls in it, and so has to be reached; nothing else does.
  const reach = () => {
    for (const box of all(".scroll, .drawing, .math, main math[display=block]")) {
      const wide = box.scrollWidth > box.clientWidth;
      if (wide) box.setAttribute("tabindex", "0");
      else box.removeAttribute("tabindex");
      if (box.matches(".scroll, .drawing")) box.toggleAttribute("data-goes-on", wide);
    }
  };
  addEventListener("resize", reach);
  document.addEventListener("toggle", reach, true); // what was folded away had no width
  reach();

  // A link to what is folded away opens it.
  const unfold = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    let folded = target?.closest("details:not([open])");
    if (!folded) return;
    for (; folded; folded = folded.parentElement.closest("details")) folded.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", unfold);
  unfold();

  // Figures: the drawing itself moves into the dialog, and back when that closes.
  const large = one("#large");
  let back = () => {};
  if (large.showModal) {
    document.addEventListener("click", (event) => {
      const link = event.target.closest?.(".enlarge");
      if (!link) return;
      event.preventDefault();
      const figure = link.closest("figure");
      const picture = one("svg", figure);
      const place = document.createElement("span");
      picture.replaceWith(place);
      one(".stage", large).replaceChildren(picture);
      one("#large-name").textContent = one("figcaption", figure).textContent;
      back = () => { place.replaceWith(picture); link.focus(); };
      large.showModal();
    });
    large.addEventListener("click", (event) => {
      if (event.target === large || event.target.closest("button")) large.close();
    });
    large.addEventListener("close", () => back());
  }

  // Paper shows everything.
  let opened = [];
  addEventListener("beforeprint", () => {
    hide();
    opened = all("main details:not([open])");
    for (const folded of opened) folded.open = true;
  });
  addEventListener("afterprint", () => {
    for (const folded of opened) folded.open = false;
  });
})();
