internal import Foundation

extension EtcdServer {
  /// The lease that the oldest key under a prefix hangs on: of a lock's queue, that of its holder.
  ///
  /// - Parameter prefix: What the keys begin with.
  /// - Returns: The lease; nil if there is no such key, or it hangs on none.
  /// - Throws: ``ServerError`` when the server is down or does not answer.
  public func oldestLease(under prefix: String) async throws(ServerError) -> Int64? {
    struct Answer: Decodable {
      struct Pair: Decodable { var lease: String? }
      var kvs: [Pair]?
    }
    var end = Array(prefix.utf8)
    if let last = end.popLast() { end.append(last + 1) }
    let question =
      "{\"key\":\"\(Data(prefix.utf8).base64EncodedString())\",\"range_end\":\"\(Data(end).base64EncodedString())\","
      + "\"sort_target\":\"CREATE\",\"sort_order\":\"ASCEND\",\"limit\":1}"
    let answer: Answer = try await self.ask("kv/range", question)
    return answer.kvs?.first?.lease.flatMap { Int64($0) }
  }

  /// How many keys there are under a prefix.
  ///
  /// - Throws: ``ServerError`` when the server is down or does not answer.
  public func countKeys(under prefix: String) async throws(ServerError) -> Int {
    struct Answer: Decodable { var count: String? }
    var end = Array(prefix.utf8)
    if let last = end.popLast() { end.append(last + 1) }
    let question =
      "{\"key\":\"\(Data(prefix.utf8).base64EncodedString())\",\"range_end\":\"\(Data(end).base64EncodedString())\","
      + "\"count_only\":true}"
    let answer: Answer = try await self.ask("kv/range", question)
    return answer.count.flatMap { Int($0) } ?? 0
  }

  /// Ends a client's lease as if it had run out: all keys that hang on it are gone.
  ///
  /// - Parameter lease: The lease; one that is over already is no error.
  /// - Throws: ``ServerError`` when the server is down or does not answer.
  public func revokeLease(_ lease: Int64) async throws(ServerError) {
    struct Answer: Decodable {}
    let _: Answer = try await self.ask("lease/revoke", "{\"ID\":\"\(lease)\"}")
  }

  /// Asks by JSON over HTTP, which every etcd speaks beside gRPC.
  private func ask<Answer: Decodable>(_ method: String, _ question: String) async throws(ServerError) -> Answer {
    let head = "POST /v3/\(method) HTTP/1.0\r\nContent-Length: \(question.utf8.count)\r\n\r\n"
    let bytes = try await exchange(Array((head + question).utf8), port: self.port, within: .seconds(5))
    let text = String(decoding: bytes, as: UTF8.self)
    let body = text.firstRange(of: "\r\n\r\n").map { text[$0.upperBound...] } ?? ""
    do {
      return try JSONDecoder().decode(Answer.self, from: Data(body.utf8))
    } catch {
      throw ServerError(.noAnswer, "etcd on port \(self.port) answers \(method) with: \(text.prefix(300))")
    }
  }
}
