// What the clients send: every message different, none of them harmless.

// Texts that some transport has to escape, or that some server got wrong.
const TEXTS = [
  "plain ASCII",
  "",
  " \t leading and trailing \r\n",
  '"quoted" \\ back\\\\slash \\u0041 \\n',
  "</script><!-- <script>alert(1)</script> -->",
  "100%25 %41 %80 %0A ?a=b&c=d#e+f",
  "\u0000\u0001\u0008\u000b\u001f\u007f\u0080\u009f",
  "Grüße, żółć, Ελλάδα, Привет, שלום, العربية",
  "日本語 한국어 中文",
  "😀 👩‍👩‍👧‍👦 🇪🇺 \u{1f9d1}\u{1f3fd} \u{10ffff} \u{1d49c}",
  "\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202e\u2060\u206f\ufeff\ufff0\ufffd\ufffe\uffff",
  "e\u0301 is not é",
  "[]", '["a"]', "null", "0", "o", "h", "c[3000,\"Go away!\"]", 'a["x"]',
  "line\nline\rline\r\ndata: x\n\n",
];

/** Returns `count` messages that tell their place, some of them longer than a response may be. */
export function messages(count) {
  return Array.from({ length: count }, (_, i) => {
    const text = TEXTS[i % TEXTS.length];
    if (i % 100 === 50) return `${i} ${text.repeat(1 + 8000 / (text.length + 1))}`;
    return i < TEXTS.length ? text : `${i} ${text}`;
  });
}

/** Cuts `list` into runs of 1, 2, 3, 5, 8, … 55, 1, 2, … elements. */
export function* waves(list) {
  for (let at = 0, size = 1, next = 2; at < list.length;) {
    yield list.slice(at, at + size);
    at += size;
    [size, next] = size < 55 ? [next, size + next] : [1, 2];
  }
}
