import type { ComponentChildren, VNode } from "preact";
import { describe, expect, test } from "vitest";
import { markdown } from "../../console/ui/markdown.tsx";

/** Elements as a person would write them down: `p(One em(two))`, with what they say of themselves in braces. */
function written(children: ComponentChildren): string {
  if (Array.isArray(children)) return children.map(written).join("");
  if (children === null || typeof children !== "object") return typeof children === "string" ? children : "";
  const { type, props } = children as VNode<Record<string, unknown>>;
  const { children: inner, ...rest } = props;
  const said = Object.entries(rest).filter(([, value]) => value !== undefined);
  const attributes = said.length > 0 ? `{${said.map(([name, value]) => `${name}=${value}`).join(" ")}}` : "";
  return `${type}${attributes}(${written(inner as ComponentChildren)})`;
}

const read = (text: string) => written(markdown(text));
const away = "target=_blank rel=noopener noreferrer nofollow";

describe("Markdown", () => {
  test.for([
    ["paragraphs and breaks", "One  \ntwo\\\nthree\n\nfour", "p(Onebr()twobr()three)p(four)"],
    ["emphasis", "*a* **b `c`** ~~d~~ ***e***", "p(em(a) strong(b code(c)) del(d) em(strong(e)))"],
    ["headings", "# One\n\nTwo\n---\n\n###### Six", "h1(One)h2(Two)h6(Six)"],
    ["a rule", "---", "hr()"],
    ["tight lists", "- a\n- b\n  1. c", "ul(li(a)li(bol(li(c))))"],
    ["loose lists", "3. a\n\n4. b", "ol{start=3}(li(p(a))li(p(b)))"],
    ["tasks", "- [x] done\n- [ ] **open**\n- plain", "ul(li(☑ done)li(☐ strong(open))li(plain))"],
    ["loose tasks", "- [x] done\n\n- [ ] open", "ul(li(p(☑ done))li(p(☐ open)))"],
    ["quotations", "> a\n> > b", "blockquote(p(a)blockquote(p(b)))"],
    ["code, as it is", "```html\n<b>&amp;\n```\n\n    <i>", "pre(code(<b>&amp;))pre(code(<i>))"],
    ["code in a line, as it is", "`<b> &amp; \\*`", "p(code(<b> &amp; \\*))"],
    [
      "tables",
      "| a | b | c |\n| :- | -: | - |\n| *1* | x \\| y |",
      "table(thead(tr(th{align=left}(a)th{align=right}(b)th(c)))tbody(tr(td{align=left}(em(1))td{align=right}(x | y)td())))",
    ],
    ["a table without rows", "| a |\n| - |", "table(thead(tr(th(a))))"],
    ["raised and lowered words", "x<sup>*2*</sup> H<SUB>2</SUB>O<br/>y", "p(xsup(em(2)) Hsub(2)Obr()y)"],
  ])("has %s", ([, text, elements]) => {
    expect(read(text!)).toBe(elements);
  });

  test.for([
    [
      "[a *b*](https://c.d/?e=1&amp;f=2 'T &amp; t')",
      `p(a{href=https://c.d/?e=1&f=2 title=T & t ${away}}(a em(b)))`,
    ],
    ["[a][r]\n\n[r]: http://c.d/e", `p(a{href=http://c.d/e ${away}}(a))`],
    ["<https://c.d/?e=&amp;>", `p(a{href=https://c.d/?e=&amp; ${away}}(https://c.d/?e=&amp;))`],
    ["see www.c.d.", `p(see a{href=http://www.c.d/ ${away}}(www.c.d).)`],
    ["[![a](https://c.d/i.png)](https://e.f/)", `p(a{href=https://e.f/ ${away}}(a))`],
  ])("links to the web: %s", ([text, elements]) => {
    expect(read(text!)).toBe(elements);
  });

  test.for([
    ["[a](javascript:alert(1))", "p(a)"],
    ["[a](java&Tab;script:alert(1))", "p(a)"],
    ["[a](&#106;avascript:alert(1))", "p(a)"],
    ["[a *b*](data:text/html,x)", "p(a em(b))"],
    ["[a](/api/session)", "p(a)"],
    ["[a](//c.d/e)", "p(a)"],
    ["[a](#app)", "p(a)"],
    ["[a](https://)", "p(a)"],
    ["<javascript:alert(1)>", "p(javascript:alert(1))"],
    ["a@b.c and <mailto:d@e.f>", "p(a@b.c and mailto:d@e.f)"],
    ["![an *image*](https://c.d/e.png)", "p(an *image*)"],
  ])("leads nowhere else, and loads nothing: %s", ([text, elements]) => {
    expect(read(text!)).toBe(elements);
  });

  test.for([
    ["a <b onclick=x>c</b> <sup>d", "p(a <b onclick=x>c</b> <sup>d)"],
    ["<div>\n*a* &amp;\n</div>", "p(<div>\n*a* &amp;\n</div>)"],
    ["<sup class=x>a</sup>", "p(<sup class=x>a</sup>)"],
    ["<!-- a -->", "p(<!-- a -->)"],
    ["<code>&lt;</code>", "p(<code><</code>)"],
  ])("shows any other HTML as it is written: %s", ([text, elements]) => {
    expect(read(text!)).toBe(elements);
  });

  test.for([
    ["AT&T &amp; Q&A; &lt;b&gt; &quot;&apos;", "p(AT&T & Q&A; <b> \"')"],
    [
      "&#65;&#x42;&#X43; &amp;#68; &mdash;&nbsp;&hellip; &madeup; &constructor;",
      "p(ABC &#68; —\u00a0… &madeup; &constructor;)",
    ],
    ["&#0;&#xD800;&#1114112;&#99999999;", "p(\ufffd\ufffd\ufffd&#99999999;)"],
    ["\\&lt; \\*a\\* \\<b>", "p(&lt; *a* <b>)"],
    ["&amp;lt; &#38;lt;", "p(&lt; &lt;)"],
  ])("shows characters where they are referred to: %s", ([text, elements]) => {
    expect(read(text!)).toBe(elements);
  });

  test.for([
    ["quotations", `${"> ".repeat(10_000)}a`],
    ["lists", Array.from({ length: 400 }, (_, depth) => `${"  ".repeat(depth)}- a`).join("\n")],
    ["brackets", "[".repeat(10_000)],
    ["links", `${"[".repeat(3_000)}a${"](b)".repeat(3_000)}`],
    ["images", `${"![".repeat(3_000)}a${"](b)".repeat(3_000)}`],
    ["emphasis", `${"*a **b ".repeat(1_500)}${"** *".repeat(1_500)}`],
    ["raised words", `${"<sup>".repeat(1_500)}a${"</sup>".repeat(1_500)}`],
  ])("reads %s as deep as anybody writes, and shows the rest", ([, text]) => {
    const elements = markdown(text!);

    expect(depthOf(elements)).toBeLessThan(80);
    expect(written(elements).length).toBeGreaterThan(300);
  });

  test("does not go on with quotations that are read again with each of their lines", () => {
    const steps = Array.from({ length: 200 }, (_, index) => `${"> ".repeat(200 - index)}a`);

    expect(markdown(steps.join("\n"))).toBeUndefined();
    expect(markdown("> a\nb\n".repeat(20_000))).toBeUndefined();
  });

  test("reads a report of a million characters", () => {
    const chapter =
      "## Chapter\n\nSome **bold** words, [a link](https://a.b/), `code`.\n\n- one\n  - two\n\n";
    const report = chapter.repeat(Math.ceil(1_000_000 / chapter.length));

    expect((markdown(report) as unknown[]).length).toBeGreaterThan(10_000);
  });
});

function depthOf(children: ComponentChildren): number {
  if (Array.isArray(children)) return Math.max(0, ...children.map(depthOf));
  if (children === null || typeof children !== "object") return 0;
  return 1 + depthOf((children as VNode).props.children);
}
