/** One part of a company's books, as auditors divide them. */
type AuditCycle = { title: string; objectives: string[]; key_controls: string[]; tests: string[] };

export const auditCycles = {
  ventes_clients: {
    title: "Sales and customers",
    objectives: [
      "Revenue is recorded completely, at the right amount and in the right period",
      "The accounting policies for revenue follow the norms that apply",
      "Receivables exist, can be collected, and are written down where they cannot",
    ],
    key_controls: [
      "Orders: customers' credit is checked, order forms are numbered without gaps",
      "Deliveries: stock is checked, partial deliveries are tracked, delivery notes are signed",
      "Invoices: matched with deliveries; prices and VAT are checked",
      "Bookkeeping: manual and automatic entries are kept apart, period ends are checked for overlaps",
      "Receipts: bank accounts are reconciled regularly, customer accounts are reviewed",
      "Separation of duties: ordering, delivering, invoicing and receiving money are in different hands",
    ],
    tests: [
      "Analytical: receivables in relation to revenue, margins by product, both against earlier years",
      "In detail: confirmation of balances by customers, invoices and returns, cut-off at the period end",
    ],
  },
  achats_fournisseurs: {
    title: "Purchases and suppliers",
    objectives: [
      "Expenses are recorded at the right amount and belong to the company",
      "Debts to suppliers and credit notes are complete",
    ],
    key_controls: [
      "Orders: approved beforehand, tendered where they are large, followed up in order of date",
      "Receipt: goods are checked against order and delivery note, and against the budget",
      "Invoices: matched with order and receipt, recalculated",
      "Payments: released by somebody else, large ones by two",
      "Separation of duties: ordering, receiving, recording and paying are in different hands",
    ],
    tests: [
      "Analytical: payment terms against those of the sector, expenses against budget and earlier years",
      "In detail: confirmation of balances by suppliers, invoices that had not arrived at the period end",
    ],
  },
  immobilisations: {
    title: "Fixed assets",
    objectives: [
      "Assets exist, belong to the company and are valued properly",
      "Depreciation and disposals are right and recorded in time",
    ],
    key_controls: [
      "Acquisition: within an approved yearly budget, with numbered orders and receipts",
      "Depreciation: methods are consistent and begin when the asset is put to use",
      "Protection: insurance, titles of ownership, a physical inventory at regular intervals",
      "Off the balance sheet: leases, mortgages and guarantees are tracked",
    ],
    tests: [
      "Analytical: additions, disposals and depreciation against budget and earlier years",
      "In detail: titles of ownership, confirmation by registers such as the land registry",
    ],
  },
  stocks: {
    title: "Inventories",
    objectives: [
      "Stock exists, is valued properly, and turns over as the accounts say",
      "What cannot be sold at cost is written down",
    ],
    key_controls: [
      "Movements: the physical count and the perpetual inventory are reconciled",
      "Valuation: FIFO or weighted average cost is applied consistently, differences in cost are explained",
      "Protection: warehouses are watched and closed to those who have no business there",
    ],
    tests: [
      "Analytical: stock against budget and turnover ratios",
      "In detail: attendance at the physical count, recalculation of costs",
    ],
  },
  paie_personnel: {
    title: "Payroll and personnel",
    objectives: [
      "Salaries, social charges and provisions for leave and bonuses are right and complete",
      "Those who are paid work for the company",
    ],
    key_controls: [
      "Personnel: a file for each person, a register of who came and who left",
      "Payroll: hours are checked, contribution rates are up to date",
      "Separation of duties: preparing, paying and recording are in different hands",
    ],
    tests: [
      "Analytical: social charges against salaries, budget and earlier years",
      "In detail: pay slips against contracts, confirmation by social security institutions",
    ],
  },
  impots_taxes: {
    title: "Taxes",
    objectives: [
      "VAT, taxes on income and on salaries are calculated properly and paid in time",
      "Provisions cover what is owed or in dispute",
    ],
    key_controls: [
      "Returns: declared revenue is reconciled with the accounts, the accounts are reviewed every year",
      "VAT: rates, exemptions and rules of deduction are checked",
    ],
    tests: [
      "Analytical: the effective tax rate against the statutory one",
      "In detail: tax returns, the bases of assessment, correspondence with the authorities",
    ],
  },
  tresorerie: {
    title: "Treasury",
    objectives: ["Bank and cash balances are right", "Money moves only as the company has decided"],
    key_controls: [
      "Reconciliation: every bank account every month, reviewed by management",
      "Separation of duties: receipts and payments are in different hands",
      "Access: few can dispose of accounts and means of payment, and it is known who",
    ],
    tests: [
      "Analytical: cash flows against results and earlier periods",
      "In detail: confirmation by banks, a count of the cash, statements after the period end",
    ],
  },
} satisfies Record<string, AuditCycle>;

export type CycleId = keyof typeof auditCycles;

export const cycleIds = Object.keys(auditCycles) as [CycleId, ...CycleId[]];
