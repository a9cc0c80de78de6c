/// What the fit of a linear model tells while it works, on the thread that it was called from.
public struct FitObserver {
  /// Told how many images have been gone through since the last time: each of them as often as the fit needs it. What it
  /// throws ends the fit.
  public var onImages: (_ count: Int) throws -> Void = { _ in }
  /// Told what a penalty is worth on the held-out images.
  public var onCandidate: (_ candidate: PenaltySelection.Candidate) -> Void = { _ in }

  public init() {}
}
