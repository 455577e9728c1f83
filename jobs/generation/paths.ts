/** Longest path of a generated file, in characters. */
export const longestPath = 200;
const deepest = 10;

/** Letters and signs that every file system, shell and archive takes for what they are. */
const segment = /^[A-Za-z0-9._@+()[\]-]{1,100}$/;
const reservedOnWindows = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * Why a path cannot be that of a generated file; undefined when it can. It will be unpacked on somebody's machine, so it
 * may neither leave its folder nor name what has a meaning there.
 */
function faultOf(path: string): string | undefined {
  const segments = path.split("/");
  if (path.length > longestPath) return `is longer than ${longestPath} characters`;
  if (segments.length > deepest) return `has more than ${deepest} levels`;
  if (path.startsWith("/") || segments.includes("..") || segments.includes("."))
    return 'must be relative, without "." and ".."';
  if (!segments.every((part) => segment.test(part)))
    return "may have letters, digits and . _ @ + ( ) [ ] - in its names, with / between them";
  if (segments.some((part) => part.endsWith("."))) return "has a name that ends in a period";
  if (segments.some((part) => reservedOnWindows.test(part)))
    return "has a name that Windows keeps for devices";
  // What lies in there is run by git.
  if (segments.some((part) => part.toLowerCase() === ".git")) return "reaches into .git";
  return undefined;
}

/** What is wrong with the paths of one project, each as a sentence. Case does not tell files apart everywhere. */
export function faultsOf(paths: string[]): string[] {
  const faults = paths.flatMap((path) => {
    const fault = faultOf(path);
    return fault ? [`"${path.slice(0, longestPath)}" ${fault}`] : [];
  });
  const taken = new Set<string>();
  for (const path of paths) {
    const name = path.toLowerCase();
    if (taken.has(name)) faults.push(`"${path}" is there twice`);
    taken.add(name);
  }
  for (const path of paths) {
    const folders = path.toLowerCase().split("/").slice(0, -1);
    const inTheWay = folders
      .map((_, index) => folders.slice(0, index + 1).join("/"))
      .find((folder) => taken.has(folder));
    if (inTheWay) faults.push(`"${path}" lies in "${inTheWay}", which is a file`);
  }
  return faults;
}
