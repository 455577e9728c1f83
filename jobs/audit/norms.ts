import { type CycleId, cycleIds } from "./cycles.ts";

type Norm<Id = string> = { id: Id; name: string; description: string; applicable_cycles: CycleId[] };
type NormGroups<Id> = Record<string, { name: string; norms: Norm<Id>[] }>;

/** Knows the ids by their names. */
const catalogue = <Id extends string>(groups: NormGroups<Id>) => groups;

/** What an audit can be held against, and the cycles for which each has something to say. */
export const normGroups = catalogue({
  financial_standards: {
    name: "Financial reporting",
    norms: [
      {
        id: "ifrs",
        name: "IFRS",
        description: "International Financial Reporting Standards",
        applicable_cycles: ["ventes_clients", "achats_fournisseurs", "immobilisations", "stocks"],
      },
      {
        id: "gaap",
        name: "GAAP",
        description: "Generally accepted accounting principles",
        applicable_cycles: cycleIds,
      },
      {
        id: "cgi_maroc",
        name: "CGI (Morocco)",
        description: "Code général des impôts: the Moroccan tax code",
        applicable_cycles: cycleIds,
      },
    ],
  },
  quality_standards: {
    name: "Quality and environment",
    norms: [
      {
        id: "iso_9001",
        name: "ISO 9001:2015",
        description: "Quality management systems",
        applicable_cycles: ["stocks", "achats_fournisseurs", "immobilisations"],
      },
      {
        id: "iso_14001",
        name: "ISO 14001:2015",
        description: "Environmental management systems",
        applicable_cycles: ["achats_fournisseurs", "immobilisations"],
      },
    ],
  },
  security_standards: {
    name: "Security and risk",
    norms: [
      {
        id: "iso_27001",
        name: "ISO/IEC 27001:2022",
        description: "Information security management systems",
        applicable_cycles: ["tresorerie", "paie_personnel"],
      },
      {
        id: "coso",
        name: "COSO",
        description: "Framework for internal control",
        applicable_cycles: cycleIds,
      },
    ],
  },
  regulatory_compliance: {
    name: "Regulation",
    norms: [
      {
        id: "sarbanes_oxley",
        name: "Sarbanes-Oxley Act",
        description: "US federal law on financial reporting and internal control",
        applicable_cycles: ["ventes_clients", "tresorerie", "impots_taxes"],
      },
      {
        id: "gdpr",
        name: "GDPR",
        description: "General Data Protection Regulation of the European Union",
        applicable_cycles: ["paie_personnel"],
      },
    ],
  },
  moroccan_compliance: {
    name: "Moroccan law",
    norms: [
      {
        id: "loi_comptable_maroc",
        name: "Loi comptable 9-88",
        description: "The accounting obligations of merchants",
        applicable_cycles: cycleIds,
      },
      {
        id: "cgnc",
        name: "CGNC",
        description: "Code général de normalisation comptable: how financial statements are drawn up",
        applicable_cycles: cycleIds,
      },
      {
        id: "tva_maroc",
        name: "TVA (Morocco)",
        description: "Value added tax under the CGI",
        applicable_cycles: ["ventes_clients", "achats_fournisseurs", "impots_taxes"],
      },
      {
        id: "ir_maroc",
        name: "IR (Morocco)",
        description: "Impôt sur le revenu: income tax under the CGI",
        applicable_cycles: ["paie_personnel", "impots_taxes"],
      },
      {
        id: "is_maroc",
        name: "IS (Morocco)",
        description: "Impôt sur les sociétés: corporate tax under the CGI",
        applicable_cycles: cycleIds,
      },
    ],
  },
});

export type NormId = typeof normGroups extends NormGroups<infer Id> ? Id : never;

const norms = Object.values(normGroups).flatMap((group) => group.norms);

export const normIds = norms.map(({ id }) => id) as [NormId, ...NormId[]];

export function normOf(id: NormId): Norm {
  return norms.find((norm) => norm.id === id)!;
}

/** The cycles for which these norms have something to say, in the order of the catalogue. */
export function cyclesOf(selected: NormId[]): CycleId[] {
  const concerned = new Set(selected.flatMap((id) => normOf(id).applicable_cycles));
  return cycleIds.filter((id) => concerned.has(id));
}
