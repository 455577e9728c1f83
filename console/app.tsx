import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { ErrorBoundary, LocationProvider, lazy, Route, Router, useLocation } from "preact-iso";
import { useResource } from "./live/resource.ts";
import { JobsPage } from "./pages/jobs.tsx";
import { SignInPage } from "./pages/sign-in.tsx";
import { client, mustSignIn, offline, signOut, who } from "./service.ts";
import { type Shortcut, shortcuts, useShortcuts } from "./ui/keys.ts";
import { Dialog, Empty, Page, Toasts, toast } from "./ui/parts.tsx";

/** Everything after the first page is one file: pages share words, and compress far better side by side than apart. */
const later = (name: keyof typeof import("./pages/later.ts")) =>
  lazy(() => import("./pages/later.ts").then((pages) => pages[name]));

const JobPage = later("JobPage");
const NewJobPage = later("NewJobPage");
const ConversationsPage = later("ConversationsPage");
const InboxPage = later("InboxPage");
const SchedulesPage = later("SchedulesPage");
const MetricsPage = later("MetricsPage");
const ComparePage = later("ComparePage");

export function App() {
  if (mustSignIn.value) return <SignInPage />;
  if (!who.value) return null;
  return (
    <LocationProvider>
      <Shell />
    </LocationProvider>
  );
}

const places = [
  { path: "/jobs", name: "Jobs", key: "j" },
  { path: "/conversations", name: "Conversations", key: "c" },
  { path: "/inbox", name: "Inbox", key: "i" },
  { path: "/schedules", name: "Schedules", key: "s" },
  { path: "/metrics", name: "Metrics", key: "m" },
] as const;

function Shell() {
  const { path, route } = useLocation();
  const help = useSignal(false);
  const keys = useMemo<Shortcut[]>(
    () => [
      ...places.map(({ path, name, key }) => ({
        keys: `g ${key}`,
        does: `Go to ${name}`,
        run: () => route(path),
      })),
      { keys: "n", does: "New job", run: () => route("/new") },
      { keys: "?", does: "Show these keys", run: () => (help.value = true) },
    ],
    [route, help],
  );
  useShortcuts(keys);
  // Whoever waits for a person should not wait for that person to open a page.
  const inbox = useResource((signal) => client.inbox({ limit: 100, signal }), [], { everyMs: 10_000 });
  const asked = inbox.value.value?.questions.length ?? 0;
  return (
    <div class="shell">
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <aside class="side">
        <a class="brand" href="/jobs" aria-label="Convoke: all jobs">
          <img src="/icon.svg" alt="" width="24" height="24" />
          <span>Convoke</span>
        </a>
        <nav aria-label="Pages">
          <ul class="nav">
            {places.map((place) => (
              <li key={place.path}>
                <a href={place.path} aria-current={isAt(path, place.path) ? "page" : undefined}>
                  {place.name}
                  {place.path === "/inbox" && asked > 0 && (
                    <span class="count">
                      {asked}
                      <span class="hidden-visually"> questions</span>
                    </span>
                  )}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <a class="button primary" href="/new">
          New job
        </a>
        <div class="foot">
          <span class="clip" title={who.value?.tenant}>
            {who.value?.name} · {who.value?.tenant}
          </span>
          <div class="row">
            <ThemeButton />
            <button type="button" class="button quiet small" onClick={() => void signOut()}>
              Sign out
            </button>
          </div>
          <span>
            <kbd>?</kbd> for keys
          </span>
        </div>
      </aside>
      <main class="main" id="main" tabIndex={-1}>
        {offline.value && (
          <div class="banner" role="status">
            No connection to the service. What is shown may be old; it catches up by itself.
          </div>
        )}
        <ErrorBoundary onError={(error) => toast(`This page cannot be shown: ${error?.message}`, "failed")}>
          <Router>
            <Route path="/" component={JobsPage} />
            <Route path="/jobs" component={JobsPage} />
            <Route path="/jobs/:id" component={JobPage} />
            <Route path="/compare/:left/:right" component={ComparePage} />
            <Route path="/new/:type?" component={NewJobPage} />
            <Route path="/conversations/:id?" component={ConversationsPage} />
            <Route path="/inbox" component={InboxPage} />
            <Route path="/schedules" component={SchedulesPage} />
            <Route path="/metrics" component={MetricsPage} />
            <Route default component={NotFoundPage} />
          </Router>
        </ErrorBoundary>
      </main>
      {help.value && (
        <Dialog title="Keys" onClose={() => (help.value = false)}>
          <div class="menu-keys">
            {shortcuts().map(({ keys, does }) => (
              <>
                <span>
                  {keys.split(" ").map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </span>
                <span>{does}</span>
              </>
            ))}
          </div>
        </Dialog>
      )}
      <Toasts />
    </div>
  );
}

function isAt(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}/`) || (place === "/jobs" && path === "/");
}

function NotFoundPage() {
  return (
    <Page title="Not found">
      <Empty>
        <p>There is nothing at this address.</p>
        <a class="button" href="/jobs">
          All jobs
        </a>
      </Empty>
    </Page>
  );
}

const themes = ["auto", "light", "dark"] as const;

function ThemeButton() {
  const theme = useSignal((localStorage.getItem("theme") ?? "auto") as (typeof themes)[number]);
  document.documentElement.dataset.theme = theme.value;
  const change = () => {
    theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length]!;
    localStorage.setItem("theme", theme.value);
  };
  return (
    <button type="button" class="button quiet small" onClick={change} aria-label={`Colours: ${theme.value}`}>
      {theme.value === "auto" ? "Auto" : theme.value === "light" ? "Light" : "Dark"}
    </button>
  );
}
