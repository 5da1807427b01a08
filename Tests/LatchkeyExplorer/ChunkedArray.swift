/// A long list of numbers that grows without being copied, so that it never takes twice its memory.
struct ChunkedArray<Element: FixedWidthInteger> {
  private static var chunkSize: Int { 1 << 20 }

  private var chunks: [[Element]] = []
  private(set) var count = 0

  mutating func append(_ element: Element) {
    if self.count.isMultiple(of: Self.chunkSize) {
      self.chunks.append([])
      // The first chunk grows as it is needed: most explorations are small.
      if self.chunks.count > 1 { self.chunks[self.chunks.count - 1].reserveCapacity(Self.chunkSize) }
    }
    self.chunks[self.chunks.count - 1].append(element)
    self.count += 1
  }

  subscript(index: Int) -> Element {
    get { self.chunks[index / Self.chunkSize][index % Self.chunkSize] }
    set { self.chunks[index / Self.chunkSize][index % Self.chunkSize] = newValue }
  }
}
