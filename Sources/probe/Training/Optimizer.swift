import Compute
import Foundation
import Heads

/// How parameters follow their gradients. Each algorithm does what its PyTorch namesake does.
public struct OptimizerDescription: Codable, Equatable, Sendable {
  public enum Algorithm: String, Codable, CaseIterable, Sendable {
    /// Layer-wise adaptive rate scaling (You, Gitman and Ginsburg 2017), as MAE's linear probe has it: trust
    /// coefficient 0.001; parameters of one dimension get neither trust ratio nor weight decay.
    case lars
    /// Stochastic gradient descent (`torch.optim.SGD`).
    case sgd
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019; `torch.optim.AdamW`), betas 0.9 and 0.999,
    /// epsilon 1e-8.
    case adamw
  }

  public var algorithm: Algorithm
  /// Used by LARS and SGD.
  public var momentum: Float
  public var weightDecay: Float

  public init(_ algorithm: Algorithm, momentum: Float, weightDecay: Float) {
    self.algorithm = algorithm
    self.momentum = momentum
    self.weightDecay = weightDecay
  }

  enum CodingKeys: String, CodingKey {
    case algorithm, momentum
    case weightDecay = "weight_decay"
  }

  /// Makes an optimizer for some parameters, all of its state zero.
  package func makeOptimizer(for parameters: [Parameter]) -> any Optimizer {
    switch algorithm {
    case .lars:
      MomentumDescent(parameters, momentum: momentum, weightDecay: weightDecay, trustCoefficient: 0.001)
    case .sgd: MomentumDescent(parameters, momentum: momentum, weightDecay: weightDecay)
    case .adamw: AdamW(parameters, weightDecay: weightDecay)
    }
  }
}

package protocol Optimizer: Sendable {
  /// What a checkpoint must hold beside the parameters, by name: one array a parameter, of its length.
  var state: [(name: String, values: [SharedBuffer<Float>])] { get }

  /// Moves the parameters against their gradients.
  ///
  /// - Parameter step: the number of steps before this one.
  func update(learningRate: Float, step: Int)
}

/// The norm of an array, summed in double precision in index order.
private func norm(_ values: SharedBuffer<Float>) -> Float {
  var sum = 0.0
  for value in values.buffer { sum += Double(value) * Double(value) }
  return Float(sum.squareRoot())
}

/// Descent with momentum: SGD, and LARS where there is a trust coefficient. From zero the first step's velocity is the
/// gradient, as PyTorch's is; dampening and Nesterov are not used.
private struct MomentumDescent: Optimizer {
  let parameters: [Parameter]
  let momentum: Float
  let weightDecay: Float
  /// What the ratio of the norms of weights and gradient is multiplied by; nil where gradients are taken as they are.
  let trustCoefficient: Float?
  private let velocities: [SharedBuffer<Float>]

  init(_ parameters: [Parameter], momentum: Float, weightDecay: Float, trustCoefficient: Float? = nil) {
    self.parameters = parameters
    self.momentum = momentum
    self.weightDecay = weightDecay
    self.trustCoefficient = trustCoefficient
    velocities = parameters.map { SharedBuffer(count: $0.count) }
  }

  var state: [(name: String, values: [SharedBuffer<Float>])] { [("momentum", velocities)] }

  func update(learningRate: Float, step: Int) {
    for (parameter, velocity) in zip(parameters, velocities) {
      let scale = scale(decaying: parameter)
      let values = parameter.values.pointer
      let gradient = parameter.gradient.pointer
      let mu = velocity.pointer
      for index in 0..<parameter.count {
        mu[index] = momentum * mu[index] + scale * gradient[index]
        values[index] -= learningRate * mu[index]
      }
    }
  }

  /// Adds the weight decay to the gradient.
  ///
  /// - Returns: what the gradient is to be multiplied by: LARS's trust ratio, or 1.
  private func scale(decaying parameter: Parameter) -> Float {
    // LARS leaves biases alone: parameters of one dimension.
    if trustCoefficient != nil && parameter.shape.count < 2 { return 1 }
    let values = parameter.values.pointer
    let gradient = parameter.gradient.pointer
    for index in 0..<parameter.count { gradient[index] += weightDecay * values[index] }
    guard let trustCoefficient else { return 1 }
    let parameterNorm = norm(parameter.values)
    let gradientNorm = norm(parameter.gradient)
    return parameterNorm > 0 && gradientNorm > 0 ? trustCoefficient * parameterNorm / gradientNorm : 1
  }
}

private struct AdamW: Optimizer {
  private static let beta1 = 0.9
  private static let beta2 = 0.999
  private static let epsilon: Float = 1e-8

  let parameters: [Parameter]
  let weightDecay: Float
  private let firstMoments: [SharedBuffer<Float>]
  private let secondMoments: [SharedBuffer<Float>]

  init(_ parameters: [Parameter], weightDecay: Float) {
    self.parameters = parameters
    self.weightDecay = weightDecay
    firstMoments = parameters.map { SharedBuffer(count: $0.count) }
    secondMoments = parameters.map { SharedBuffer(count: $0.count) }
  }

  var state: [(name: String, values: [SharedBuffer<Float>])] {
    [("first_moment", firstMoments), ("second_moment", secondMoments)]
  }

  func update(learningRate: Float, step: Int) {
    let steps = Double(step + 1)
    let stepSize = Float(Double(learningRate) / (1 - pow(Self.beta1, steps)))
    let secondScale = Float(1 / (1 - pow(Self.beta2, steps)).squareRoot())
    let (beta1, beta2) = (Float(Self.beta1), Float(Self.beta2))
    let decay = 1 - learningRate * weightDecay
    for (index, parameter) in parameters.enumerated() {
      let values = parameter.values.pointer
      let gradient = parameter.gradient.pointer
      let first = firstMoments[index].pointer
      let second = secondMoments[index].pointer
      for index in 0..<parameter.count {
        first[index] = beta1 * first[index] + (1 - beta1) * gradient[index]
        second[index] = beta2 * second[index] + (1 - beta2) * gradient[index] * gradient[index]
        values[index] =
          values[index] * decay - stepSize * first[index]
          / (second[index].squareRoot() * secondScale + Self.epsilon)
      }
    }
  }
}
