/// Follows the frames of one connection, both ways in the order of their arrival, and knows what a frame alone does not say.
protocol FrameReader {
  /// Takes in a frame.
  ///
  /// - Returns: The method that the frame's message is a request or a reply of; nil if it has none.
  /// - Throws: ``ServerError`` when the connection cannot be followed any further, with the reason.
  mutating func method(of frame: FaultProxy.Frame) throws(ServerError) -> String?
}
