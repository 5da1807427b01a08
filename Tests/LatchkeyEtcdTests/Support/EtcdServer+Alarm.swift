#if Etcd
import Foundation
import LatchkeyTesting

extension EtcdServer {
  /// Raises the alarm that a member raises when its store has reached its quota, or takes it back.
  func setNoSpaceAlarm(_ isRaised: Bool) async throws {
    let question = #"{"action":"\#(isRaised ? "ACTIVATE" : "DEACTIVATE")","memberID":"1","alarm":"NOSPACE"}"#
    let head = "POST /v3/maintenance/alarm HTTP/1.0\r\nContent-Length: \(question.utf8.count)\r\n\r\n"
    let answer = try await exchange(Array((head + question).utf8), port: self.port, within: .seconds(5))
    struct NotSet: Error { let answer: String }
    let text = String(decoding: answer, as: UTF8.self)
    guard text.contains("NOSPACE") else { throw NotSet(answer: text) }
  }
}
#endif
