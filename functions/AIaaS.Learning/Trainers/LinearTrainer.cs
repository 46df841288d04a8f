using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Trainers;

/// <summary>
/// Logistic regression (multinomial for more than two classes) and linear regression, with an L2 penalty, an L1 penalty or both: ridge,
/// lasso and elastic net. Minimizes the sum of <c>row weight · loss</c> plus <c>l1 · |weights| + l2 / 2 · |weights|²</c>, where the intercept is free.
/// </summary>
/// <remarks>
/// In scikit-learn's terms: <c>LogisticRegression</c> with <c>l2 = (1 - l1_ratio) / C</c> and <c>l1 = l1_ratio / C</c>; <c>Ridge</c> with <c>l2 = alpha</c>;
/// <c>Lasso</c> with <c>l1 = alpha · rows / deviation</c>; <c>ElasticNet</c> with that times <c>l1_ratio</c> and <c>l2 = alpha · (1 - l1_ratio) · rows</c>.
/// The loss of a number is half its squared error in standard deviations of the target, so that strengths do not depend on its unit. Row
/// weights have a mean of 1.
/// </remarks>
internal sealed class LinearTrainer(TimeProvider timeProvider) : ITrainer
{
    public string Name => "linear";

    /// <summary>Strength of the L2 penalty where a trial gives none.</summary>
    public double L2 { get; init; } = 1;

    public ConvergenceOptions Convergence { get; init; } = new();

    public bool Supports(LearningTask task) => task is LearningTask.Classification or LearningTask.Regression;

    public IReadOnlyDictionary<string, HyperparameterRange> Space(LearningTask task, int rows) => LinearPenalty.Space(L2);

    public IReadOnlyList<IFeatureEncoder> Encoders(Hyperparameters hyperparameters) => FeatureEncoders.OfLinearModels;

    public TrainedModel Train(TrainerInput input, CancellationToken cancellationToken)
    {
        var penalty = LinearPenalty.Of(input.Hyperparameters, L2);
        switch (input.Target)
        {
            case ClassTarget classes:
                var scores = Fit(LinearObjective.Likelihood(classes));
                var each = classes.Count == 2 ? scores.WithFirstClass() : scores;
                return Describe(scores, penalty, features => each.Scores(features).Softmax());
            case NumberTarget numbers:
                var scale = TargetScale.Of(numbers, input.Weights);
                var score = Fit(LinearObjective.Squares(numbers, scale));
                return Describe(score, penalty, features => scale.Restore(score.Scores(features)));
            default:
                throw new ArgumentException($"The trainer {Name} cannot learn a {input.Target.GetType().Name}.", nameof(input));
        }

        LinearSolution Fit(LinearObjective objective) => new LinearFit(timeProvider, Name, Convergence).Run(
            input, objective, penalty, (percent, at) => input.Report(percent, at.Describe()), cancellationToken);
    }

    private static TrainedModel Describe(LinearSolution solution, LinearPenalty penalty, Func<Value, Value> build) => new()
    {
        Build = build,
        Hyperparameters = penalty.Describe().Append(new("steps", JsonSerializer.SerializeToElement(solution.Steps, JsonDefaults.Options))).ToDictionary(),
        Notes = solution.Note is { } note ? [note] : [],
    };
}
