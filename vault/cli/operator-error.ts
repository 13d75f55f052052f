/** What an operator did or has to do, in a sentence: shown without a stack. */
export class OperatorError extends Error {}
