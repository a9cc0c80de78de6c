import Files
import Foundation
import Synchronization

/// The scalars of a run as TensorBoard shows them, and the settings that its HParams page compares runs by: an event file
/// that grows while the run goes on.
///
/// What was flushed is a valid file, whenever the process is killed: TensorBoard stops before a half-written record, and
/// the record is cut when the run is resumed. But for the times in it, the file of a resumed run is that of an
/// uninterrupted one. The file is open only while it is written, so that any number of runs can go on side by side.
public final class TensorBoardWriter: Sendable {
  /// TensorBoard takes whatever has `tfevents` in its name. One name for all runs, so that a resumed run finds its file.
  public static let fileName = "events.out.tfevents.patchbank"

  /// A setting of the run.
  public enum Hyperparameter: Equatable, Sendable {
    case number(Double)
    case text(String)
  }

  public let path: String
  private let now: @Sendable () -> Double
  private let state: Mutex<State>

  private struct State {
    /// Where the file ends.
    var end: Int
    /// Records that are not yet written.
    var pending: [UInt8]
  }

  /// Opens the event file in a folder to append to, or makes it.
  ///
  /// - Parameters:
  ///   - count: the first step that the run computes anew: events are kept up to the first one of this step or a later
  ///     one, or that is damaged. Of a run from its start: 0.
  ///   - hyperparameters: written into a file without events, at step 0.
  /// - Throws: where the file cannot be written, or is none that this class has begun.
  public convenience init(
    folder: String, keepingStepsBelow count: Int,
    hyperparameters: [(name: String, value: Hyperparameter)] = []
  ) throws(InputError) {
    try self.init(folder: folder, keepingStepsBelow: count, hyperparameters: hyperparameters) {
      Date().timeIntervalSince1970
    }
  }

  /// - Parameter now: seconds since 1970.
  package init(
    folder: String, keepingStepsBelow count: Int,
    hyperparameters: [(name: String, value: Hyperparameter)] = [],
    now: @escaping @Sendable () -> Double
  ) throws(InputError) {
    path = folder + "/" + Self.fileName
    let descriptor = try Descriptor(path, .updateOrCreate)
    let kept = try Self.lengthToKeep(path, keepingStepsBelow: UInt64(count))
    try descriptor.resize(byteCount: kept)
    let version = TensorBoardRecord.framed(TensorBoardEvent.fileVersion(wallTime: now()))
    var pending = kept == 0 ? version : []
    if kept <= version.count, !hyperparameters.isEmpty {
      pending += TensorBoardRecord.framed(
        TensorBoardEvent.hyperparameters(hyperparameters, wallTime: now()))
    }
    self.now = now
    state = Mutex(State(end: kept, pending: pending))
    try flush()
  }

  /// Notes a value, which ``flush()`` writes.
  ///
  /// - Parameters:
  ///   - tag: the curve's name; TensorBoard groups tags by what precedes a slash.
  ///   - value: kept in single precision, which is all that TensorBoard has.
  public func add(tag: String, value: Double, step: Int) {
    precondition(step >= 0, "step \(step) is negative")
    let event = TensorBoardEvent.scalar(tag: tag, value: Float(value), step: step, wallTime: now())
    let record = TensorBoardRecord.framed(event)
    state.withLock { $0.pending += record }
  }

  /// Hands everything noted so far to the system, by one call, so that a killed process loses none of it.
  public func flush() throws(InputError) {
    let result = state.withLock { state in
      Result { () throws(InputError) in
        try Descriptor(path, .update).write(state.pending, at: state.end)
        state.end += state.pending.count
        state.pending = []
      }
    }
    try result.get()
  }

  /// The bytes of the whole records, from the first, whose steps are below `count`.
  private static func lengthToKeep(
    _ path: String, keepingStepsBelow count: UInt64
  ) throws(InputError) -> Int {
    let file = try MappedFile(path)
    defer { withExtendedLifetime(file) {} }
    let bytes = file.bytes
    let version = TensorBoardRecord.framed(TensorBoardEvent.fileVersion(wallTime: 0))
    // All that a process which was killed at once can have left. Nothing else that is not ours is ever cut.
    if bytes.count < version.count, zip(bytes, version).prefix(headerByteCount).allSatisfy({ $0 == $1 }) {
      return 0
    }
    guard let first = TensorBoardRecord.data(in: bytes, at: 0), isFileVersion(bytes[first]) else {
      throw InputError(path, "is not an event file of a run", remedy: "move it away or choose another folder")
    }
    var kept = first.upperBound + TensorBoardRecord.footerByteCount
    while count > 0, let data = TensorBoardRecord.data(in: bytes, at: kept),
      let step = TensorBoardEvent.step(UnsafeRawBufferPointer(rebasing: bytes[data])), step < count
    {
      kept = data.upperBound + TensorBoardRecord.footerByteCount
    }
    return kept
  }

  private static var headerByteCount: Int { TensorBoardRecord.headerByteCount }

  /// Whether an event is the first of a file, at whatever time.
  private static func isFileVersion(_ event: Slice<UnsafeRawBufferPointer>) -> Bool {
    let expected = TensorBoardEvent.fileVersion(wallTime: 0)
    // The key of the time, the time's 8 bytes, and what is always the same.
    return event.count == expected.count && event.first == expected.first
      && event.dropFirst(9).elementsEqual(expected.dropFirst(9))
  }
}
