import DOMPurify from "dompurify";
import { Marked } from "marked";

/** The few elements that models write because markdown has no word for them. Every other one is shown as it is written. */
const written = /^<(br|\/?su[bp])\s*\/?>$/i;

const marked = new Marked({
  gfm: true,
  breaks: false,
  renderer: {
    // The sanitizer would take it out too, but a parser would have seen it by then.
    html: ({ text }) =>
      written.test(text.trim()) ? text : text.replaceAll("&", "&amp;").replaceAll("<", "&lt;"),
  },
});

// Nothing that loads, embeds, submits or styles: an image alone would tell its server who reads this, and when.
const allowed = {
  ALLOWED_TAGS: [
    ...["p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code"],
    ...["em", "strong", "del", "a", "table", "thead", "tbody", "tr", "th", "td", "sup", "sub"],
  ],
  ALLOWED_ATTR: ["href", "title", "align", "start"],
  ALLOWED_URI_REGEXP: /^https?:\/\//i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
} as const;

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  // A name for a place in the page would be a way to imitate the page.
  if (!node.hasAttribute("href")) return;
  node.setAttribute("target", "_blank");
  node.setAttribute("rel", "noopener noreferrer nofollow");
});

/** @returns the text as nodes in which nothing runs, nothing loads, and links lead to http and https only. */
export function safe(text: string): DocumentFragment {
  const html = marked.parse(text, { async: false });
  return DOMPurify.sanitize(html, {
    ...allowed,
    ALLOWED_TAGS: [...allowed.ALLOWED_TAGS],
    ALLOWED_ATTR: [...allowed.ALLOWED_ATTR],
  });
}
