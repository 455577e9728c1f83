import {
  getDefaults,
  Lexer,
  type MarkedToken,
  type Token,
  Tokenizer,
  type Tokens,
  type TokensList,
} from "marked";
import { type ComponentChildren, h } from "preact";

// What a person writes is far from any of these. What is beyond them was written to keep a browser busy: some hundred
// characters are enough for a parser of markdown that starts again with every line of every quotation.
const nestingLimit = 32;
const paragraphLimit = 20_000;
const effortLimit = 10_000_000;

/**
 * A text as elements, made from its tokens: there is no HTML on the way, so nothing can be hidden in it. Nothing of
 * what a text says becomes the name of an element or of an attribute; its only address is that of a link.
 * @returns nothing for what is too costly to read, which is to be shown as it is written.
 */
export function markdown(text: string): ComponentChildren {
  try {
    return elements(new BoundedLexer().lex(text));
  } catch {
    return undefined;
  }
}

function elements(tokens: Token[]): ComponentChildren[] {
  return (tokens as MarkedToken[]).map(element);
}

const nameOf = {
  ...{ paragraph: "p", blockquote: "blockquote", list_item: "li" },
  ...{ strong: "strong", em: "em", del: "del" },
};

function element(token: MarkedToken): ComponentChildren {
  switch (token.type) {
    case "paragraph":
    case "blockquote":
    case "list_item":
    case "strong":
    case "em":
    case "del":
      return h(nameOf[token.type], null, elements(token.tokens));
    case "heading":
      return h(`h${token.depth}`, null, elements(token.tokens));
    case "list":
      return token.ordered ? (
        <ol start={token.start === 1 ? undefined : Number(token.start)}>{elements(token.items)}</ol>
      ) : (
        <ul>{elements(token.items)}</ul>
      );
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    case "code":
      return (
        <pre>
          <code>{token.text}</code>
        </pre>
      );
    case "table":
      return (
        <table>
          <thead>{row(token.header)}</thead>
          {token.rows.length > 0 && <tbody>{token.rows.map(row)}</tbody>}
        </table>
      );
    case "hr":
      return <hr />;
    case "br":
      return <br />;
    case "codespan":
      return <code>{token.text}</code>;
    case "link":
      return link(token);
    case "image":
      // Loading it would tell its server who reads this, and when.
      return decoded(token.text);
    case "html":
      return html(token);
    case "escape":
      return token.text;
    case "text":
      return token.tokens ? elements(token.tokens) : decoded(token.text);
    case "space":
    case "def":
      return undefined;
  }
}

function row(cells: Tokens.TableCell[]): ComponentChildren {
  return (
    <tr>
      {cells.map(({ header, align, tokens }) =>
        h(header ? "th" : "td", { align: align ?? undefined }, elements(tokens)),
      )}
    </tr>
  );
}

/** Only the web is linked to, and by the address that was looked at. */
function link({ autolink, text, href, title, tokens }: Tokens.Link): ComponentChildren {
  const shown = autolink ? text : elements(tokens);
  const url = URL.parse(autolink ? href : decoded(href));
  if (!url || !/^https?:$/.test(url.protocol)) return shown;
  return (
    <a
      href={url.href}
      title={title ? decoded(title) : undefined}
      target="_blank"
      rel="noopener noreferrer nofollow"
    >
      {shown}
    </a>
  );
}

/** The few elements that models write because markdown has no word for them. Every other one is shown as it is written. */
function html(token: Tokens.HTML | Tokens.Tag | RaisedOrLowered): ComponentChildren {
  if ("tokens" in token) return h(token.name, null, elements(token.tokens));
  if (/^<br\s*\/?>$/i.test(token.text.trim())) return <br />;
  return token.block ? <p>{token.text}</p> : token.text;
}

type RaisedOrLowered = Tokens.Tag & { name: "sup" | "sub"; tokens: Token[] };

class WrittenTags extends Tokenizer {
  override tag(source: string): Tokens.Tag | RaisedOrLowered | undefined {
    const [raw, name, text] = /^<(su[bp])>(.+?)<\/\1>/is.exec(source) ?? [];
    if (!raw || !name || !text) return super.tag(source);
    const { inLink, inRawBlock } = this.lexer.state;
    return {
      type: "html",
      ...{ raw, text, inLink, inRawBlock, block: false },
      name: name.toLowerCase() === "sup" ? "sup" : "sub",
      tokens: this.lexer.inlineTokens(text),
    };
  }
}

/** Reads no deeper than anybody writes, and gives up when it reads the same text again and again. */
class BoundedLexer extends Lexer {
  private depth = 0;
  private effort = 0;

  constructor() {
    super({ ...getDefaults(), tokenizer: new WrittenTags() });
  }

  override blockTokens(source: string, tokens: Token[] = [], clipped?: boolean): TokensList {
    const read = () => super.blockTokens(source, tokens, clipped) as TokensList;
    return this.within(source, Number.POSITIVE_INFINITY, tokens as TokensList, read);
  }

  override inlineTokens(source: string, tokens: Token[] = []): Token[] {
    return this.within(source, paragraphLimit, tokens, () => super.inlineTokens(source, tokens));
  }

  private within<T extends Token[]>(source: string, longest: number, tokens: T, read: () => T): T {
    // To a quotation's last paragraph its next line is added, and all of it copied.
    this.effort += source.length + (tokens.at(-1)?.raw.length ?? 0);
    if (this.effort > effortLimit) throw new RangeError("This text is too costly to read");
    if (this.depth >= nestingLimit || source.length > longest) {
      tokens.push({ type: "escape", raw: source, text: source });
      return tokens;
    }
    this.depth++;
    const inner = read();
    this.depth--;
    return inner;
  }
}

const named = new Map(
  [
    "amp=& lt=< gt=> quot=\" apos=' nbsp=\u00a0 ensp=\u2002 emsp=\u2003 thinsp=\u2009 shy=\u00ad copy=© reg=® trade=™",
    "mdash=— ndash=– hellip=… bull=• middot=· lsquo=‘ rsquo=’ ldquo=“ rdquo=” laquo=« raquo=» sect=§ euro=€ deg=°",
    "times=× divide=÷ plusmn=± minus=− le=≤ ge=≥ ne=≠ asymp=≈ infin=∞ larr=← rarr=→ uarr=↑ darr=↓ harr=↔ rArr=⇒",
  ]
    .flatMap((line) => line.split(" "))
    .map((pair) => pair.split("=") as [string, string]),
);

/** Character references as characters; those that models never write stay as they are written. */
function decoded(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w+));/gi, (written, decimal, hexadecimal, name) => {
    if (name) return named.get(name) ?? written;
    const code = decimal ? Number(decimal) : Number.parseInt(hexadecimal, 16);
    const isCharacter = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    return isCharacter ? String.fromCodePoint(code) : "\ufffd";
  });
}
