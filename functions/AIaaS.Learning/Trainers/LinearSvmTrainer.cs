using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Trainers;

/// <summary>
/// Linear support vector machines with squared losses: of classes the hinge, each class against the rest, of numbers what an error is above
/// <c>epsilon</c> standard deviations of the target. Minimizes the sum of <c>row weight · loss</c> plus <c>l2 / 2 · |weights|²</c>; the intercept is free.
/// </summary>
/// <remarks>
/// LIBLINEAR's and scikit-learn's <c>LinearSVC(loss="squared_hinge")</c> and <c>LinearSVR(loss="squared_epsilon_insensitive")</c> with <c>l2 = 1 / C</c>,
/// but for the intercept, which they penalize as well. Their scores are no probabilities: a sigmoid for each class (Platt 1999) is fitted on scores of
/// rows that were not learned from, by five folds of the training rows, as scikit-learn's <c>CalibratedClassifierCV(ensemble=False)</c> does.
/// </remarks>
internal sealed class LinearSvmTrainer(TimeProvider timeProvider) : ITrainer
{
    private const int Folds = 5;

    /// <summary>A sigmoid of two numbers needs its scores less exactly than the model needs its weights.</summary>
    private const double FoldTolerance = 1e-4;
    private const int FoldSteps = 2_000;

    private const double LeastProbability = 1e-7;

    public string Name => "linear-svm";

    public ConvergenceOptions Convergence { get; init; } = new();

    public bool Supports(LearningTask task) => task is LearningTask.Classification or LearningTask.Regression;

    public IReadOnlyDictionary<string, HyperparameterRange> Space(LearningTask task, int rows)
    {
        var space = new Dictionary<string, HyperparameterRange> { ["l2"] = HyperparameterRange.LogUniform(0.1, 1e4, 1) };
        if (task == LearningTask.Regression)
            space["epsilon"] = HyperparameterRange.Uniform(0, 0.5, 0.1);
        return space;
    }

    public IReadOnlyList<IFeatureEncoder> Encoders(Hyperparameters hyperparameters) => FeatureEncoders.OfLinearModels;

    public TrainedModel Train(TrainerInput input, CancellationToken cancellationToken)
    {
        var given = input.Hyperparameters;
        var l2 = LinearPenalty.Strength(given, "l2", 1);
        switch (input.Target)
        {
            case ClassTarget classes:
                var scores = Classify(input, classes, l2, cancellationToken);
                return Describe(scores, l2, null, features => Decide(scores, features));
            case NumberTarget numbers:
                var epsilon = LinearPenalty.Strength(given, "epsilon", 0.1);
                var scale = TargetScale.Of(numbers, input.Weights);
                var score = Fit(Name, Convergence, input, LinearObjective.Tube(numbers, scale, epsilon), l2, 0, 1, cancellationToken);
                return Describe(score, l2, epsilon, features => scale.Restore(score.Scores(features)));
            default:
                throw new ArgumentException($"The trainer {Name} cannot learn a {input.Target.GetType().Name}.", nameof(input));
        }
    }

    /// <summary>Scores whose sigmoids are probabilities.</summary>
    private LinearSolution Classify(TrainerInput input, ClassTarget target, double l2, CancellationToken cancellationToken)
    {
        var folds = Resampling.Folds(target.Rows, null, Folds, input.Seed);
        var parts = folds.Count + 1;
        var rough = Convergence with { Tolerance = Math.Max(Convergence.Tolerance, FoldTolerance), MaximumSteps = Math.Min(Convergence.MaximumSteps, FoldSteps) };
        var whole = Fit(Name, Convergence, input, LinearObjective.Margins(target), l2, 0, parts, cancellationToken);
        var held = new float[(long)input.Rows * whole.Width];
        foreach (var (number, fold) in folds.Index())
        {
            var part = input with { Features = Rows(input, fold.Training), Rows = fold.Training.Length, Weights = WeightsOf(input, fold.Training) };
            var own = new ClassTarget(Array.ConvertAll(fold.Training, row => target.Rows[row]), target.Count);
            var fitted = Fit($"{Name}-{number + 1}", rough, part, LinearObjective.Margins(own), l2, number + 1, parts, cancellationToken);
            var said = fitted.Scores(Rows(input, fold.Validation), fold.Validation.Length, input.Threads);
            foreach (var (at, row) in fold.Validation.Index())
                said.AsSpan(at * whole.Width, whole.Width).CopyTo(held.AsSpan(row * whole.Width));
        }

        return whole.Adjust([.. Enumerable.Range(0, whole.Width).Select(score => Calibrators.FitSigmoid(
            Array.ConvertAll(ClassificationMetrics.Column(held, whole.Width, score), value => (double)value),
            Array.ConvertAll(target.Rows, row => row == (whole.Width == 1 ? 1 : score)),
            input.Weights))]);
    }

    private LinearSolution Fit(
        string name, ConvergenceOptions until, TrainerInput input, LinearObjective objective, double l2, int part, int parts, CancellationToken cancellationToken) =>
        new LinearFit(timeProvider, name, until).Run(
            input, objective, new LinearPenalty(LinearPenalty.Ridge, 0, l2), (percent, at) => input.Report(((100 * part) + percent) / parts, at.Describe()), cancellationToken);

    private static Value Decide(LinearSolution scores, Value features)
    {
        if (scores.Width == 1)
            return scores.WithFirstClass().Scores(features).Softmax();
        var each = scores.Scores(features).Sigmoid().Clip(LeastProbability, 1);
        return each / each.ReduceSum([1], keepDimensions: true);
    }

    private static TrainedModel Describe(LinearSolution solution, double l2, double? epsilon, Func<Value, Value> build)
    {
        var hyperparameters = new Dictionary<string, JsonElement> { ["l2"] = Json(l2) };
        if (epsilon is { } width)
            hyperparameters["epsilon"] = Json(width);
        hyperparameters["steps"] = Json(solution.Steps);
        return new TrainedModel { Build = build, Hyperparameters = hyperparameters, Notes = solution.Note is { } note ? [note] : [] };
    }

    private static float[] Rows(TrainerInput input, int[] rows)
    {
        var some = new float[(long)rows.Length * input.Width];
        foreach (var (at, row) in rows.Index())
            input.Features.AsSpan(row * input.Width, input.Width).CopyTo(some.AsSpan(at * input.Width));
        return some;
    }

    private static float[]? WeightsOf(TrainerInput input, int[] rows)
    {
        if (input.Weights is not { } weights)
            return null;
        var mean = rows.Average(row => (double)weights[row]);
        return Array.ConvertAll(rows, row => (float)(weights[row] / mean));
    }

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);
}
