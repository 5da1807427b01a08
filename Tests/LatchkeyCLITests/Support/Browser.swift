import Latchkey
import LatchkeyProcesses

@testable import LatchkeyCLI

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A real browser without a window, which lays out pages and takes pictures of them.
struct Browser {
  enum Theme: String, CaseIterable, Sendable {
    case light
    case dark
  }

  let folder: String
  let theme: Theme
  var width = 1280

  /// Opens a page and returns what its scripts have put between `<pre>` and `</pre>`.
  func result(of page: String, height: Int = 1000) async throws -> String {
    let path = self.folder + "/asked.html"
    try Data(page.utf8).write(to: URL(filePath: path))
    let output = try await self.run(["--dump-dom", "--virtual-time-budget=20000", "file://" + path], height: height)
    guard let start = output.firstRange(of: "<pre>"), let end = output.firstRange(of: "</pre>") else {
      throw CommandFailure(.failed, "the page has no result: \(output.prefix(2000))")
    }
    return String(output[start.upperBound..<end.lowerBound])
  }

  /// Takes a picture of a page, as PNG.
  func picture(of page: String, height: Int) async throws -> Data {
    let (path, picture) = (self.folder + "/seen.html", self.folder + "/seen.png")
    try Data(page.utf8).write(to: URL(filePath: path))
    _ = try await self.run(["--screenshot=" + picture, "file://" + path], height: height)
    return try Data(contentsOf: URL(filePath: picture))
  }

  private func run(_ arguments: [String], height: Int) async throws -> String {
    let common = [
      // The page is our own, and containers have no room for a sandbox.
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
      "--force-device-scale-factor=1", "--window-size=\(self.width),\(height)",
      "--user-data-dir=\(self.folder)/profile",
    ]
    let theme = self.theme == .dark ? ["--force-dark-mode"] : []
    let (output, errors) = (try Pipe(), try Pipe())
    let process = try ChildProcess.spawn(
      [try Self.program()] + common + theme + arguments,
      output: output.writing,
      errors: errors.writing,
      group: .own
    )
    close(output.writing)
    close(errors.writing)
    async let complaints = Self.text(errors.reading)
    let text = await Self.text(output.reading)
    let change = await process.wait()
    let complaint = await complaints
    guard change == .exited(0) else { throw CommandFailure(.failed, "the browser ended with \(change): \(complaint)") }
    return text
  }

  private static func text(_ descriptor: Int32) async -> String {
    var lines: [String] = []
    for await line in Descriptors.lines(of: descriptor) { lines.append(line) }
    close(descriptor)
    return lines.joined(separator: "\n")
  }

  private static func program() throws -> String {
    for name in ["chromium", "chromium-browser", "google-chrome"] {
      for folder in ["/usr/bin", "/usr/local/bin", "/snap/bin"] where access("\(folder)/\(name)", X_OK) == 0 {
        return "\(folder)/\(name)"
      }
    }
    throw CommandFailure(.failed, "there is no Chromium on this machine; scripts/setup installs it")
  }
}
