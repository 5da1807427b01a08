import LatchkeyPrimitives
import LatchkeyProcesses

import Testing

@testable import LatchkeyCLI

@Suite("The timeline of hand-offs")
struct TimelineTests {
  @Test("all workers begin to remember at the same instant, whenever they start")
  func start() {
    let timeline = Timeline()
    var first = timeline.recorder(worker: 0, after: 0)
    let now = Uptime.nanoseconds
    // The delay of a worker that starts later does not count.
    var second = timeline.recorder(worker: 1, after: 1_000_000_000_000)
    second.note(from: now + 1, until: now + 2)
    first.note(from: now + 3, until: now + 4)
    first.note(from: 0, until: 1)
    for recorder in [first, second] { timeline.add(recorder) }
    #expect(timeline.holds(atMost: 10).map(\.worker) == [1, 0])
    #expect(timeline.holds(atMost: 1).map(\.worker) == [1])
  }

  @Test("no more is remembered than is shown, and nothing of that is missing")
  func capacity() {
    let timeline = Timeline()
    for worker in 0..<2 {
      var recorder = timeline.recorder(worker: worker, after: 0)
      let now = Uptime.nanoseconds
      for place in 0..<UInt64(1000) { recorder.note(from: now + place, until: now + place) }
      timeline.add(recorder)
    }
    #expect(timeline.holds(atMost: 1000).count == 48)
  }
}
