"""Which rules of accessibility does an open page break?

This is no substitute for axe or for a person with a screen reader: it checks the rules that a page made by
a program breaks first, in the browser, on what is visible. Contrast is computed from the colours that the
browser computed, for text on plain backgrounds; text inside drawings is not looked at.
"""

RULES = r"""
() => {
  const broken = [];
  const tell = (rule, node, more = "") =>
    broken.push(`${rule}: ${node.outerHTML.slice(0, 120)} ${more}`);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const shown = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && !node.closest("[aria-hidden=true]");
  const text = (node) => node.textContent.replace(/\s+/g, " ").trim();
  const named = (node) => {
    const by = node.getAttribute("aria-labelledby");
    const told = by ? by.split(" ").map((id) => text(document.getElementById(id) ?? node)).join(" ")
      : node.getAttribute("aria-label") ?? "";
    return told.trim();
  };

  if (!document.documentElement.lang) broken.push("lang");
  if (!document.title.trim()) broken.push("title");
  const ids = all("[id]").map((node) => node.id);
  for (const id of new Set(ids)) if (ids.indexOf(id) !== ids.lastIndexOf(id)) broken.push(`twice: ${id}`);

  for (const node of all("a[href], button, summary, [role=button]").filter(shown))
    if (!named(node) && !text(node)) tell("no name", node);
  for (const node of all("svg, img, [role=img]"))
    if (!named(node) && !node.alt && !node.closest("[aria-hidden=true]")) tell("no alternative", node);
  for (const node of all("a[href^='#']"))
    if (!document.getElementById(decodeURIComponent(node.hash.slice(1)))) tell("leads nowhere", node);

  const roles = new Set(["button", "img", "region", "status", "tooltip", "group", "navigation"]);
  for (const node of all("[role]")) if (!roles.has(node.getAttribute("role"))) tell("role", node);
  for (const name of ["aria-labelledby", "aria-describedby", "aria-controls"])
    for (const node of all(`[${name}]`))
      for (const id of node.getAttribute(name).split(" "))
        if (!document.getElementById(id)) tell(name, node);
  for (const node of all("[aria-pressed]"))
    if (!["true", "false"].includes(node.getAttribute("aria-pressed")) || node.localName !== "button")
      tell("pressed", node);
  for (const node of all("[aria-hidden=true]"))
    if (all("a, button, [tabindex]", node).length) tell("hidden but reached", node);
  for (const node of all("[tabindex]")) if (node.tabIndex > 0) tell("order", node);
  for (const node of all("[tabindex='0'], a[href], button, summary").filter(shown))
    if (!node.matches("a, button, summary, math, .math, .drawing") && !node.hasAttribute("role")
        && !node.closest("math")) tell("reached without a role", node);

  for (const landmark of ["main", "body > header"])
    if (all(landmark).length !== 1) broken.push(`${all(landmark).length} of ${landmark}`);
  const marks = all("nav, section[aria-label], section[aria-labelledby], [role=region]").filter(shown)
    .map((node) => `${node.localName === "nav" ? "nav" : "region"} ${named(node)}`);
  for (const mark of marks) {
    if (/ $/.test(mark)) broken.push(`landmark without a name: ${mark}`);
    if (marks.indexOf(mark) !== marks.lastIndexOf(mark)) broken.push(`landmark twice: ${mark}`);
  }

  const levels = all("h1, h2, h3, h4, h5, h6").filter(shown);
  if (levels.filter((node) => node.localName === "h1").length !== 1) broken.push("not one h1");
  levels.forEach((node, place) => {
    if (!text(node)) tell("empty heading", node);
    const before = place ? +levels[place - 1].localName[1] : 0;
    if (+node.localName[1] > before + 1) tell("heading skips a level", node);
  });

  for (const table of all("table")) {
    const rows = [...table.tBodies[0].rows];
    const headed = table.tHead || rows.every((row) => row.cells[0].localName === "th");
    if (!headed || all("th", table).some((cell) => !cell.scope)) tell("table without headers", table);
    const widths = new Set([...table.rows].map((row) => row.cells.length));
    if (widths.size > 1) tell("rows of unequal length", table);
  }
  for (const list of all("ul, ol"))
    if ([...list.children].some((child) => child.localName !== "li")) tell("list", list);
  for (const list of all("dl"))
    if (all("dt", list).some((term) => term.nextElementSibling?.localName !== "dd")) tell("terms", list);

  for (const node of all("main *, nav *").filter(shown)) {
    const style = getComputedStyle(node);
    const scrolls = /auto|scroll/.test(style.overflowX) && node.scrollWidth > node.clientWidth + 1;
    if (scrolls && node.tabIndex < 0 && !all("a, button, [tabindex='0']", node).length) tell("scrolls", node);
  }

  const channels = (color) => {
    const parts = color.match(/-?[\d.e]+/g).map(Number);
    const scale = color.startsWith("color(") ? 1 : 255;
    return [...parts.slice(0, 3).map((part) => part / scale), parts[3] ?? 1];
  };
  const over = ([r, g, b, a], below) => [r, g, b].map((part, at) => a * part + (1 - a) * below[at]);
  const background = (node) => {
    if (!node) return [1, 1, 1];
    const color = channels(getComputedStyle(node).backgroundColor);
    return color[3] === 1 ? color.slice(0, 3) : over(color, background(node.parentElement));
  };
  const luminance = (color) => {
    const [r, g, b] = color.map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let compared = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility()) continue;
    if (node.closest("svg, script, .unseen")) continue;
    const style = getComputedStyle(node);
    const behind = background(node);
    const front = over(channels(style.color), behind);
    const [high, low] = [luminance(front), luminance(behind)].sort((one, other) => other - one);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    const contrast = (high + 0.05) / (low + 0.05);
    compared += 1;
    if (contrast < needed) tell("contrast", node, contrast.toFixed(2));
  }
  return { broken, compared };
}
"""


def broken_rules(page):
    """List the rules that an open page of Playwright's breaks, after looking at all of its text."""
    found = page.evaluate(RULES)
    assert found["compared"] > 20
    return found["broken"]
