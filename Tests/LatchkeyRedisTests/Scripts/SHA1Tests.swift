import Testing

@testable import LatchkeyRedis

@Suite("The hash of a script")
struct SHA1Tests {
  @Test(
    "is SHA-1, by the examples of its standard",
    arguments: [
      ("abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
      ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
      ("a", 1_000_000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
      (
        "0123456701234567012345670123456701234567012345670123456701234567", 10,
        "dea356a2cddd90c7a7ecedc5ebb563934f460452"
      ),
      ("", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ]
  )
  func standard(text: String, times: Int, hash: String) {
    #expect(SHA1.hexadecimal(of: Array(String(repeating: text, count: times).utf8)) == hash)
  }
}
