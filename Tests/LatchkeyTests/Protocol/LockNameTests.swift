import Latchkey
import Testing

@Suite("Lock names")
struct LockNameTests {
  @Test(
    "a valid name is kept as it is",
    arguments: [
      "a", "orders/42", "a b", "ä", "日本/語", "...", "a/...", "..a/b..", "-", "a:b", "\u{2028}", "\u{AD}", "🔑/🗝",
    ]
  )
  func valid(_ name: String) throws {
    #expect(try LockName(name).rawValue == name)
    #expect(try LockName(name).description == name)
  }

  @Test("an empty name is refused")
  func empty() {
    #expect(throws: LockError.self) { try LockName(String()) }
  }

  @Test("a literal is a name, with and without its type, and interpolation is checked when it runs")
  func literal() throws {
    let name: LockName = "orders/42"
    #expect(try name == LockName(name.rawValue))
    #expect(LockName("orders/42") == name)
    #expect(try LockName("orders/\(42)") == name)
    #expect(throws: LockError.self) { try LockName("orders/\(String())") }
  }

  @Test("a literal that is no name ends the process, with a message that names the literal and the rule")
  func invalidLiteral() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let name: LockName = "orders//42"
      print(name)
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains(#"the literal "orders//42" is not the name of a lock"#))
    #expect(message.contains("empty part"))
  }

  @Test("a name may be 512 bytes long, and no longer", arguments: ["a", "ä", "日", "🔑"])
  func length(_ scalar: String) throws {
    let filler = String(repeating: "x", count: 512 % scalar.utf8.count)
    let longest = String(repeating: scalar, count: 512 / scalar.utf8.count) + filler
    #expect(longest.utf8.count == 512)
    #expect(try LockName(longest).rawValue.utf8.count == 512)
    let error = #expect(throws: LockError.self) { try LockName(longest + "x") }
    #expect(error?.message.contains("513 bytes long, more than 512") == true)
    #expect(error?.code == .invalidName)
    #expect(error?.message.contains("513") == true)
  }

  @Test(
    "a control character is refused, wherever it stands",
    arguments: [0x00, 0x01, 0x09, 0x0A, 0x1F, 0x7F, 0x80, 0x85, 0x9F]
  )
  func control(_ value: UInt32) throws {
    let scalar = Character(try #require(Unicode.Scalar(value)))
    for name in ["\(scalar)", "a\(scalar)", "\(scalar)a", "a/\(scalar)/b"] {
      let error = #expect(throws: LockError.self) { try LockName(name) }
      #expect(error?.code == .invalidName)
      #expect(error?.message.contains("U+00") == true)
    }
  }

  @Test("the characters next to the control characters are allowed", arguments: [0x20, 0x7E, 0xA0] as [UInt32])
  func nextToControl(_ value: UInt32) throws {
    _ = try LockName(String(Character(try #require(Unicode.Scalar(value)))))
  }

  @Test(
    "a part that is empty, . or .. is refused",
    arguments: ["/", "/a", "a/", "a//b", ".", "..", "./a", "a/.", "a/../b", "../a", "a/..", "//"]
  )
  func parts(_ name: String) {
    let error = #expect(throws: LockError.self) { try LockName(name) }
    #expect(error?.code == .invalidName)
  }

  @Test(
    "a slash separates parts even if a combining mark makes it another character",
    arguments: ["..\u{2F}\u{301}a", "a//\u{301}b", "a/./\u{338}b", "a/\u{338}/b/../\u{301}"]
  )
  func combiningMarks(_ name: String) {
    #expect(throws: LockError.self) { try LockName(name) }
  }

  @Test("names that are written with different bytes are different names")
  func canonicalEquivalence() throws {
    let composed = LockName("caf\u{E9}")
    let decomposed = LockName("cafe\u{301}")
    #expect(composed.rawValue == decomposed.rawValue)
    #expect(composed != decomposed)
    #expect(Set([composed, decomposed]).count == 2)
  }

  @Test("equal names are equal and hash alike, however their strings are stored")
  func equality() throws {
    let long = String(repeating: "name/", count: 20) + "end"
    let left = try LockName(long)
    let right = try LockName(String(decoding: Array(long.utf8), as: UTF8.self))
    #expect(left == right)
    #expect(left.hashValue == right.hashValue)
    #expect(LockName("a") != LockName("b"))
    #expect(LockName("a") != LockName("ab"))
  }
}
