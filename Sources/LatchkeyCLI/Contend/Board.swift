internal import Latchkey
internal import LatchkeyProcesses

/// What all workers share, in whichever process they run: the unprotected counter, and the marks by which it is judged.
struct Board: Sendable {
  /// The words that workers write, each in a cache line of its own.
  private enum Word {
    static let counter = 0
    static let tokenMajor = MappedWords.stride
    static let tokenMinor = MappedWords.stride * 2
    static let outOfOrder = MappedWords.stride * 3
    static let someoneFinished = MappedWords.stride * 4
    static let holder = MappedWords.stride * 5
    static let firstWorker = MappedWords.stride * 6
  }

  private let words: MappedWords
  private let workers: Int

  /// - Parameters:
  ///   - path: The file that all processes map.
  ///   - workers: The number of workers in all processes together.
  init(path: String, workers: Int) throws(SystemError) {
    self.workers = workers
    self.words = try MappedWords(path: path, count: Word.firstWorker + workers * (MappedWords.stride + 1))
  }

  /// The counter: read by a load of its own and written by a store of its own, so that only a lock keeps updates from being lost.
  var counter: UInt64 {
    get { self.words[Word.counter] }
    nonmutating set { self.words[Word.counter] = newValue }
  }

  /// Compares a token with that of the grant before. Call it under the lock.
  func note(_ token: FencingToken) {
    let last = FencingToken(major: self.words[Word.tokenMajor], minor: self.words[Word.tokenMinor])
    if token <= last { self.words.add(1, at: Word.outOfOrder) }
    self.words[Word.tokenMajor] = token.major
    self.words[Word.tokenMinor] = token.minor
  }

  /// How many tokens were not greater than the one before.
  var tokensOutOfOrder: UInt64 { self.words[Word.outOfOrder] }

  /// The place of the worker that has the lock, for people to see; nil if none has, or none by a lock.
  var holder: Int? {
    get {
      let number = self.words[Word.holder]
      return number == 0 ? nil : Int(number) - 1
    }
    nonmutating set { self.words[Word.holder] = newValue.map { UInt64($0) + 1 } ?? 0 }
  }

  /// Counts what a worker has done: its attempts (all of them, for progress) and its grants (for fairness).
  func note(worker: Int, granted: Bool) {
    // Two counts in one word: a worker alone writes its word, so adding is one step.
    self.words.add(granted ? 1 << 32 | 1 : 1, at: self.word(of: worker))
  }

  /// The first worker that has finished notes the progress of all: fairness can be judged by that alone, since in the end all have
  /// done the same.
  func finish() {
    guard self.words.claim(Word.someoneFinished) else { return }
    for worker in 0..<self.workers { self.words[self.snapshot(of: worker)] = self.words[self.word(of: worker)] }
  }

  /// The attempts of all workers so far.
  var attempts: Int {
    (0..<self.workers).reduce(0) { sum, worker in sum + Int(self.words[self.word(of: worker)] & 0xffff_ffff) }
  }

  /// The grants of each worker when the first had finished, or until now if none has.
  var grants: [Int] {
    let finished = self.words[Word.someoneFinished] != 0
    return (0..<self.workers).map { worker in
      Int(self.words[finished ? self.snapshot(of: worker) : self.word(of: worker)] >> 32)
    }
  }

  private func word(of worker: Int) -> Int { Word.firstWorker + worker * MappedWords.stride }

  private func snapshot(of worker: Int) -> Int { Word.firstWorker + self.workers * MappedWords.stride + worker }
}
