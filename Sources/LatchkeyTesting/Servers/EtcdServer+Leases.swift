internal import Foundation

extension EtcdServer {
  /// The lease that the oldest key under a prefix hangs on: of a lock's queue, that of its holder.
  ///
  /// - Parameter prefix: What the keys begin with.
  /// - Returns: The lease; nil if there is no such key, or it hangs on none.
  /// - Throws: ``ServerError`` when the server is down or does not answer.
  package func oldestLease(under prefix: String) async throws(ServerError) -> Int64? {
    struct Answer: Decodable {
      struct Pair: Decodable { var lease: String? }
      var kvs: [Pair]?
    }
    let question = "{\(Self.range(prefix)),\"sort_target\":\"CREATE\",\"sort_order\":\"ASCEND\",\"limit\":1}"
    let answer: Answer = try await self.ask("kv/range", question)
    return answer.kvs?.first?.lease.flatMap { Int64($0) }
  }

  /// How many keys there are under a prefix.
  ///
  /// - Throws: ``ServerError`` when the server is down or does not answer.
  package func countKeys(under prefix: String) async throws(ServerError) -> Int {
    struct Answer: Decodable { var count: String? }
    let answer: Answer = try await self.ask("kv/range", "{\(Self.range(prefix)),\"count_only\":true}")
    return answer.count.flatMap { Int($0) } ?? 0
  }

  /// Ends a client's lease as if it had run out: all keys that hang on it are gone.
  ///
  /// - Parameter lease: The lease; one that is over already is no error.
  /// - Throws: ``ServerError`` when the server is down or does not answer.
  package func revokeLease(_ lease: Int64) async throws(ServerError) {
    struct Answer: Decodable {}
    let _: Answer = try await self.ask("lease/revoke", "{\"ID\":\"\(lease)\"}")
  }

  /// All keys that begin with a prefix, as a question names them.
  private static func range(_ prefix: String) -> String {
    var end = Array(prefix.utf8)
    if let last = end.popLast() { end.append(last + 1) }
    return "\"key\":\"\(Data(prefix.utf8).base64EncodedString())\",\"range_end\":\"\(Data(end).base64EncodedString())\""
  }

  private func ask<Answer: Decodable>(_ method: String, _ question: String) async throws(ServerError) -> Answer {
    try await askEtcd(method, question, port: self.port)
  }
}

/// Asks by JSON over HTTP, which every etcd speaks beside gRPC.
func askEtcd<Answer: Decodable>(
  _ method: String,
  _ question: String,
  port: Int
) async throws(ServerError) -> Answer {
  let head = "POST /v3/\(method) HTTP/1.0\r\nContent-Length: \(question.utf8.count)\r\n\r\n"
  let bytes = try await exchange(Array((head + question).utf8), port: port, within: .seconds(5))
  let text = String(decoding: bytes, as: UTF8.self)
  let body = text.firstRange(of: "\r\n\r\n").map { text[$0.upperBound...] } ?? ""
  do {
    return try JSONDecoder().decode(Answer.self, from: Data(body.utf8))
  } catch {
    throw ServerError(.noAnswer, "etcd on port \(port) answers \(method) with: \(text.prefix(300))")
  }
}
