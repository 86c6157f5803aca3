// What people need who do not see as others do, or use no mouse: axe-core's rules, and two that it
// does not check.

import { readFileSync } from "node:fs";
import { AXE } from "./paths.mjs";

/** What borders of fields need: WCAG 2.2, 1.4.11. */
const CONTRAST = 3;

/** Returns what is wrong with the page as it is now, a line each. */
export async function inaccessible(page) {
  await page.evaluate(readFileSync(AXE, "utf8"));
  const violations = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document);
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) =>
        `axe-core, ${id}: ${target}: ${failureSummary.replace(/\s+/g, " ")}`));
  });
  return [...violations, ...await page.evaluate(unseen, CONTRAST)];
}

/** Runs in the page: fields without a visible border, and more than one primary button. */
function unseen(least) {
  const style = (element) => getComputedStyle(element);
  const rgb = (color) => color.match(/[\d.]+/g).map(Number);
  const isTransparent = (color) => rgb(color)[3] === 0;
  const luminance = (color) => {
    const [r, g, b] = rgb(color).map((value) => value / 255)
      .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (...colors) => {
    const [dark, light] = colors.map(luminance).sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const ground = (element) => {
    for (let at = element.parentElement; at; at = at.parentElement) {
      const { backgroundColor } = style(at);
      if (!isTransparent(backgroundColor)) return backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };

  const problems = [];
  const find = (selector) => [...document.querySelectorAll(selector)]
    .filter((element) => element.checkVisibility());
  for (const element of find("input, select, button, textarea, [role=log]")) {
    const { borderTopColor, backgroundColor } = style(element);
    const inside = isTransparent(backgroundColor) ? ground(element) : backgroundColor;
    const name = `#${element.id || element.textContent}`;
    // A border in the colour of a button is the edge of a filled button.
    const sides = borderTopColor === inside ? [ground(element)] : [ground(element), inside];
    const ratio = Math.min(...sides.map((side) => contrast(borderTopColor, side)));
    if (ratio < least) problems.push(`the border of ${name} has a contrast of ${ratio.toFixed(2)}`);
  }
  const plain = (element) => contrast(style(element).backgroundColor, ground(element)) < least;
  const primary = find("button").filter((button) => !plain(button));
  if (primary.length > 1) {
    problems.push(`${primary.map(({ textContent }) => textContent).join(" and ")} both stand out`);
  }
  return problems;
}
