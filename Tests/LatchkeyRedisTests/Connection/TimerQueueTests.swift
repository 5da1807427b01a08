import LatchkeyNetwork
import LatchkeyPrimitives
import NIOPosix
import Testing

@Suite("Timers of an event loop", .timeLimit(.minutes(1)))
struct TimerQueueTests {
  private let timers = TimerQueue(loop: MultiThreadedEventLoopGroup.singleton.next())

  @Test("timers ring in the order of their instants, however they are set, and not before")
  func order() async {
    let rung = OneShot<[Int]>()
    let order = Locked<[Int]>([])
    let start = ContinuousClock.now
    for number in [3, 1, 4, 2] {
      self.timers.set(at: start + .milliseconds(10 * number)) {
        let sofar = order.withLock { order in
          order.append(number)
          return order
        }
        if sofar.count == 4 { rung.resolve(sofar) }
      }
    }
    #expect(await rung.wait(cancelled: []) == [1, 2, 3, 4])
    #expect(ContinuousClock.now >= start + .milliseconds(40))
  }

  @Test("a cancelled timer does not ring, and lets go of its closure at once")
  func cancelled() async {
    final class Held: Sendable {}
    let last = OneShot<Bool>()
    let hasRung = Locked(false)
    weak var held: Held?
    do {
      let object = Held()
      held = object
      let timer = self.timers.set(after: .milliseconds(5)) {
        _ = object
        hasRung.withLock { $0 = true }
      }
      self.timers.cancel(timer)
    }
    #expect(held == nil)
    self.timers.set(after: .milliseconds(20)) { last.resolve(hasRung.withLock { $0 }) }
    #expect(await last.wait(cancelled: true) == false)
  }

  @Test("among thousands that are cancelled, the others ring once each")
  func many() async {
    let done = OneShot<Int>()
    let count = Locked(0)
    for number in 0..<5_000 {
      let isCancelled = number % 100 != 0
      let timer = self.timers.set(after: isCancelled ? .seconds(3600 - number % 50) : .milliseconds(number % 7)) {
        let rung = count.withLock { count in
          count += 1
          return count
        }
        if rung == 50 { done.resolve(rung) }
      }
      if isCancelled { self.timers.cancel(timer) }
    }
    #expect(await done.wait(cancelled: 0) == 50)
  }
}
