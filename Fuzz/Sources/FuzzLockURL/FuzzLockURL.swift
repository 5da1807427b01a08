import FuzzSupport

@testable import Latchkey

/// The URLs of locks. Input: one URL as it is, or, behind a byte that begins none, the parts of one.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  var input = FuzzInput(start, count)
  var parts = input
  switch parts.byte() {
  case 0: secretIsKept(&parts)
  case 1: partsComeBack(&parts)
  default: textComesBack(input.text())
  }
  return 0
}

/// Whatever is accepted can be written and read again, with the credentials and without.
private func textComesBack(_ text: String) {
  let url: LockURL
  do throws(LockError) {
    url = try LockURL(text)
  } catch {
    property(error.code == .invalidURL, "\(text.debugDescription) gives the error \(error.code)")
    return
  }
  comesBack(url)
  let isNetworked = !url.scheme.isInProcess
  property(url.hosts.isEmpty != isNetworked, "\(text.debugDescription) has \(url.hosts.count) hosts")
  property(url.timeToLive.map { $0 > .zero } ?? true, "\(text.debugDescription) has no time to live")
}

private func comesBack(_ url: LockURL) {
  let text = url.textWithCredentials
  property(try LockURL(text).isIdentical(to: url), "\(text.debugDescription) is not read as it was written")
  var bare = url
  bare.user = nil
  bare.password = nil
  property(try LockURL(url.description).isIdentical(to: bare), "\(url.description.debugDescription), shown, is another")
}

/// A password is in no error, however badly it is escaped, as long as an `@` ends it.
private func secretIsKept(_ input: inout FuzzInput) {
  let schemes = LockURL.Scheme.allCases.filter { !$0.isInProcess }
  let scheme = schemes[input.number(below: schemes.count)].rawValue
  let secret = "hunter2"
  let text = "\(scheme)://\(input.line())\(secret)\(input.line())@\(input.line())"
  do throws(LockError) {
    // Valid by accident, so that what looks like a password may be a name.
    _ = try LockURL(text)
  } catch {
    property(!"\(error)".contains(secret), "\(text.debugDescription) gives the error \(error)")
  }
}

/// Whatever words a program puts into a URL are read from its text.
private func partsComeBack(_ input: inout FuzzInput) {
  let scheme = LockURL.Scheme.allCases[input.number(below: LockURL.Scheme.allCases.count)]
  guard let name = try? LockName(input.line()) else { return }
  var url = LockURL(scheme: scheme, name: name)
  let label = input.line()
  // The rule of a label: no control characters, and not empty.
  if !label.isEmpty, !label.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
    url.label = label
  }
  if !scheme.isInProcess {
    url.hosts = [LockURL.Host(name: "h", port: 1 + Int(input.integer(UInt16.self)) % 65535)]
    let user = input.line()
    url.user = user.isEmpty ? nil : user
    url.password = input.line()
    let microseconds = input.integer(UInt32.self)
    url.timeToLive = microseconds == 0 ? nil : .microseconds(microseconds)
    if scheme.usesTLS {
      let file = input.line()
      url.authorityFile = file.isEmpty ? nil : file
    }
  }
  comesBack(url)
}

extension LockURL {
  fileprivate func isIdentical(to other: LockURL) -> Bool {
    let texts: [KeyPath<LockURL, String?>] = [
      \.user, \.password, \.chroot, \.label, \.authorityFile, \.certificateFile, \.keyFile,
    ]
    return self == other
      && texts.allSatisfy { path in
        switch (self[keyPath: path], other[keyPath: path]) {
        case (nil, nil): true
        case (let left?, let right?): left.isIdentical(to: right)
        default: false
        }
      }
  }
}
