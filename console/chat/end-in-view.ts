import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** So near to the end, somebody means the end. */
const nearPx = 40;

/**
 * Keeps the end of what scrolls in view while it grows, until somebody scrolls away from it or opens something in it to
 * read. Its content is its only child.
 */
export function useEndInView(): RefObject<HTMLDivElement | null> {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = ref.current;
    if (!element) return;
    let follows = true;
    const look = () => {
      follows = element.scrollTop + element.clientHeight >= element.scrollHeight - nearPx;
    };
    const open = ({ target }: MouseEvent) => {
      if ((target as Element).closest("summary")) follows = false;
    };
    const growth = new ResizeObserver(() => {
      if (follows) element.scrollTop = element.scrollHeight;
    });
    growth.observe(element);
    if (element.firstElementChild) growth.observe(element.firstElementChild);
    element.addEventListener("scroll", look, { passive: true });
    element.addEventListener("click", open);
    return () => {
      growth.disconnect();
      element.removeEventListener("scroll", look);
      element.removeEventListener("click", open);
    };
  }, []);
  return ref;
}
