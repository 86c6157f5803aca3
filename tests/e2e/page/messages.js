// What the pages send. It is made in the page because lone surrogates do not survive the way from
// the driver to the browser.

"use strict";

// Texts that some transport has to escape, or that some server got wrong.
const TEXTS = [
  "",
  "plain ASCII",
  " \t leading and trailing \r\n",
  "\u0000\u0001\u0008\u000b\u001f\u007f\u0080\u009f",
  "\u200b\u200c\u200f\u2028\u2029\u202e\u2060\u206f\ufeff\ufff0\ufffd\ufffe\uffff",
  "\ud800",
  "\udfff and \ud83d\ude00 and \ud83d",
  "\udc00\ud800",
  "👩‍👩‍👧‍👦 🇪🇺 \u{1f9d1}\u{1f3fd} \u{10ffff}",
  '"quoted" \\ back\\\\slash \\u0041 \\ud800 \\n',
  "</script><!-- <script>alert(1)</script> -->",
  "100%25 %41 %80 %0A ?a=b&c=d#e+f",
  "[]", '["a"]', "null", "0", "o", "h", 'c[3000,"Go away!"]', 'a["x"]',
  "line\nline\rline\r\ndata: x\n\n",
];

const LARGE = 64 * 1024;
const ASTRAL_PLANES = 16;

/**
 * Returns `count` messages: the texts above, some large ones, and between them the whole Basic
 * Multilingual Plane in order, lone surrogates included, with something of every other plane.
 */
function messages(count) {
  const share = Math.ceil(0x10000 / (0.85 * count));
  let next = 0;
  return Array.from({ length: count }, (_, i) => {
    if (i % 100 === 50) return `${i} ${"x€😀\"".repeat(LARGE)}`.slice(0, LARGE);
    if (i % 10 === 5) return TEXTS[((i - 5) / 10) % TEXTS.length];
    const astral = Array.from({ length: ASTRAL_PLANES }, (_, plane) =>
      (plane + 1) * 0x10000 + (next + plane) % 0x10000);
    const basic = Array.from({ length: share }, () => next++ % 0x10000);
    return String.fromCodePoint(...basic, ...astral);
  });
}

/** Cuts `list` into runs of 1, 2, 5, 10, 20, 50, 50, … elements. */
function* bursts(list) {
  const sizes = [1, 2, 5, 10, 20];
  for (let at = 0; at < list.length;) {
    const size = sizes.shift() ?? 50;
    yield list.slice(at, at + size);
    at += size;
  }
}
