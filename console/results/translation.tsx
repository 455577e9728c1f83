import { Card } from "../ui/parts.tsx";
import { capital } from "./parts.tsx";
import { roundTripView } from "./round-trip.ts";
import { RoundTripParts } from "./round-trip.tsx";
import type { RoundTrip, TranslationInput } from "./shapes.ts";
import type { Shown } from "./shown.ts";

export function Translation({ input, result, work }: Shown) {
  const trip = result as RoundTrip | undefined;
  const { text, source_language, intermediate_language } = (input ?? {}) as Partial<TranslationInput>;
  const view = roundTripView(
    {
      text: trip?.original_text ?? text ?? "",
      source: trip?.source_language ?? source_language ?? "english",
      intermediate: trip?.intermediate_language ?? intermediate_language ?? "",
    },
    trip,
    work,
  );
  return (
    <Card title={`Through ${capital(view.intermediate)} and back`}>
      <RoundTripParts of={view} />
    </Card>
  );
}
