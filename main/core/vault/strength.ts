/**
 * How hard a password is to guess. The vault allows ten guesses, but whoever runs it without a hardware keystore can
 * guess offline, so there is a floor (docs/THREAT-MODEL.md): "safely unguessable" in zxcvbn's words, about 10^8 guesses.
 *
 * Only for the password's own process: the dictionaries take 200 ms to load, and a long password some hundred more.
 */
import type { ZxcvbnFactory } from '@zxcvbn-ts/core'

/** Of zxcvbn's 0 to 4. */
export const strengthFloor = 3
/** Characters that are looked at: what comes after them can only make a password stronger. */
const looked = 64

/** Why guessing is easy, by zxcvbn's names of what it found. */
const reasons: Readonly<Record<string, string>> = {
  straightRow: 'Rows of keys on the keyboard are guessed first.',
  keyPattern: 'Short patterns on the keyboard are guessed first.',
  simpleRepeat: 'Repeated characters are guessed first.',
  extendedRepeat: 'A repeated piece adds little to the piece itself.',
  sequences: 'Sequences such as “abc” or “6543” are guessed first.',
  recentYears: 'Years of our time are guessed first.',
  dates: 'Dates are guessed first.',
  topTen: 'This is one of the ten most common passwords.',
  topHundred: 'This is one of the hundred most common passwords.',
  common: 'This is a common password.',
  similarToCommon: 'This is close to a common password.',
  wordByItself: 'A single word is guessed in no time.',
  namesByThemselves: 'A single name is guessed in no time.',
  commonNames: 'Common names are guessed first.',
  userInputs: 'It is made of what others know here: a name, or the vault’s address.',
  pwned: 'It has been seen among stolen passwords.',
}
/** What would help, by zxcvbn's names. */
const suggestions: Readonly<Record<string, string>> = {
  l33t: 'Putting @ for a, or 0 for o, helps little.',
  reverseWords: 'Words spelled backwards help little.',
  allUppercase: 'Capitals throughout help little.',
  capitalization: 'A capital at the beginning helps little.',
  dates: 'Leave dates out.',
  recentYears: 'Leave years out.',
  associatedYears: 'Leave years out.',
  sequences: 'Leave sequences out.',
  repeated: 'Leave repetitions out.',
  longerKeyboardPattern: 'Leave patterns of the keyboard out.',
  anotherWord: 'Add another word or two that are less common.',
  useWords: 'Take several words that have nothing to do with each other.',
  noNeed: 'It needs no digits or signs; more words are better.',
  pwned: 'Choose another one altogether.',
}

export interface Strength {
  /** 0 to 4. */
  score: number
  /** Where it is below the floor: why, in a sentence. */
  reason: string
  /** And what would help. */
  suggestion: string
}

let meter: Promise<ZxcvbnFactory> | undefined

/** `known` is what others know of the person: names, the vault's host. */
export async function strengthOf(password: string, known: readonly string[]): Promise<Strength> {
  meter ??= loadMeter()
  // What is said of passwords by their parts: a host is three words.
  const inputs = known.flatMap((it) => [it, ...it.split(/[^\p{L}\p{N}]+/u)]).filter((it) => it.length > 2)
  const { score, feedback } = (await meter).check([...password].slice(0, looked).join(''), inputs)
  return {
    score,
    reason: feedback.warning ?? 'It is too short to hold out.',
    suggestion: feedback.suggestions[0] ?? 'Add another word or two that are less common.',
  }
}

async function loadMeter(): Promise<ZxcvbnFactory> {
  const [{ ZxcvbnFactory }, common, english] = await Promise.all([
    import('@zxcvbn-ts/core'),
    import('@zxcvbn-ts/language-common'),
    import('@zxcvbn-ts/language-en'),
  ])
  return new ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
    // Every name it has, its own words where ours are missing.
    translations: {
      ...english.translations,
      warnings: { ...english.translations.warnings, ...reasons },
      suggestions: { ...english.translations.suggestions, ...suggestions },
    },
  })
}
