import Latchkey
import Testing

@Suite("Lock errors")
struct LockErrorTests {
  private struct Cause: Error, CustomStringConvertible {
    var description: String { "connection reset" }
  }

  @Test("a description names the lock, what happened, what is known of the wait, and the cause")
  func description() throws {
    var error = LockError(.timedOut, name: "orders", message: "too late")
    #expect(error.description == "lock \"orders\": too late")
    error.wait = LockError.Wait(
      holder: "host:12",
      place: 2,
      waited: .seconds(3),
      votes: ["b:2": "refused", "a:1": "granted"]
    )
    error.underlying = Cause()
    #expect(
      error.description
        == "lock \"orders\": too late (held by host:12, 2 contenders ahead, waited 3.0 seconds, a:1: granted, b:2: refused): connection reset"
    )
  }

  @Test(
    "a wait tells its length with the digits that mean something",
    arguments: [
      (Duration.nanoseconds(150_623_417), "0.151 seconds"), (.microseconds(400), "0.0 seconds"),
      (.nanoseconds(9_999_400_001), "9.999 seconds"), (.nanoseconds(12_345_678_901), "12.3 seconds"),
      (.seconds(Int64.max), "\(Duration.seconds(Int64.max))"),
    ]
  )
  func roundedWait(waited: Duration, text: String) {
    #expect(LockError.Wait(waited: waited).description == "waited \(text)")
  }

  @Test("an error without a lock, and a wait of which nothing is known, are left out of the description")
  func shortDescription() {
    #expect(LockError(.closed, message: "closed", wait: LockError.Wait()).description == "closed")
    #expect(LockError.Wait(place: 1).description == "1 contender ahead")
  }

  @Test("a catch can name the code")
  func catchByCode() {
    func caught(_ error: any Error) -> String {
      do {
        throw error
      } catch LockError.Code.timedOut {
        return "timedOut"
      } catch LockError.Code.cancelled {
        return "cancelled"
      } catch {
        return "other"
      }
    }
    #expect(caught(LockError(.timedOut, message: "")) == "timedOut")
    #expect(caught(LockError(.cancelled, message: "")) == "cancelled")
    #expect(caught(LockError(.lockLost, message: "")) == "other")
    #expect(caught(CancellationError()) == "other")
  }

  @Test("codes describe themselves by their name")
  func codes() {
    let codes: [LockError.Code] = [
      .timedOut, .cancelled, .lockLost, .wouldDeadlock, .unreachable, .invalidName, .invalidURL, .invalidConfiguration,
      .notAuthorized, .notSupported, .closed, .backendFailure,
    ]
    #expect(Set(codes).count == codes.count)
    #expect(Set(codes.map(\.description)).count == codes.count)
    #expect(LockError.Code.timedOut.description == "timedOut")
  }

  @Test("a body's failure after a loss tells both")
  func bodyFailedAfterLoss() {
    let failure = BodyFailedAfterLoss(bodyError: Cause(), loss: LockError(.lockLost, message: "lost"))
    #expect(failure.description == "connection reset (after lost)")
  }

  @Test("a backend is written as its kind, with its instance where it has one")
  func backends() {
    #expect(LockBackend(kind: "mutex", instance: "").description == "mutex")
    #expect(LockBackend(kind: "redis", instance: "h:6379").description == "redis(h:6379)")
    #expect(LockBackend(kind: "redis", instance: "a") != LockBackend(kind: "redis", instance: "b"))
  }

  @Test("a copy that is changed leaves the other as it was, and an error is two words wide")
  func copies() throws {
    let error = LockError.lost("orders", because: "its node was deleted")
    var other = error
    other.message = "gone"
    other.wait = LockError.Wait(place: 1)
    #expect(error.message.hasPrefix("the lock was lost: its node was deleted; ") && error.wait == nil)
    #expect(other.message == "gone" && other.wait?.place == 1 && other.code == .lockLost)
    #expect(error.lossReason == "its node was deleted")
    #expect(MemoryLayout<LockError>.stride == 2 * MemoryLayout<AnyObject>.stride)
  }
}
