/** The languages that a text can be sent through, with their ISO 639-1 codes. */
export const languages = {
  spanish: "es",
  french: "fr",
  german: "de",
  italian: "it",
  portuguese: "pt",
  russian: "ru",
  chinese: "zh",
  japanese: "ja",
  korean: "ko",
  arabic: "ar",
  hebrew: "he",
  hindi: "hi",
  dutch: "nl",
  swedish: "sv",
  norwegian: "no",
  danish: "da",
  polish: "pl",
  czech: "cs",
} as const;

export type Language = keyof typeof languages;

export const languageNames = Object.keys(languages) as [Language, ...Language[]];

/** Far apart in family and script, so that what survives all of them is likely to be the core of the meaning. */
export const stabilityLanguages: Language[] = ["spanish", "french", "german", "chinese", "arabic"];
