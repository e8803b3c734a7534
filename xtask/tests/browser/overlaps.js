// Returns what a reader would see wrong: texts that cover each other, and a page wider than its
// window.
(() => {
  /** The part of a rectangle that the ancestors of an element do not cut off. */
  const visible = (rectangle, element) => {
    let { left, top, right, bottom } = rectangle;
    for (let parent = element; parent; parent = parent.parentElement) {
      const style = getComputedStyle(parent);
      if (style.clipPath !== "none") return null;
      if (style.overflow === "visible") continue;
      const box = parent.getBoundingClientRect();
      [left, top] = [Math.max(left, box.left), Math.max(top, box.top)];
      [right, bottom] = [Math.min(right, box.right), Math.min(bottom, box.bottom)];
    }
    return right - left > 1 && bottom - top > 1 ? { left, top, right, bottom } : null;
  };
  const texts = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode;
    if (!text.data.trim()) continue;
    if (!text.parentElement.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const rectangle of range.getClientRects()) {
      const seen = visible(rectangle, text.parentElement);
      if (seen) texts.push({ text, seen });
    }
  }
  // Boxes of lines touch each other by a few pixels where the letters do not.
  const covers = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 3
    && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5;
  const found = [];
  texts.forEach(({ text, seen }, place) => texts.slice(place + 1).forEach((other) => {
    if (other.text !== text && covers(seen, other.seen)) found.push(`“${text.data.trim()}” and “${other.text.data.trim()}” overlap`);
  }));
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) found.push(`the page is ${wide} pixels wider than its window`);
  return found.join("\n");
})()
