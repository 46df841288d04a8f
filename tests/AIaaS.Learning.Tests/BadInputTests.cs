using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx.Protos;
using AIaaS.Learning.Sweeps;

namespace AIaaS.Learning.Tests;

/// <summary>Tables that are odd or wrong, given to every trainer: each either learns what there is, or says what is in its way.</summary>
public sealed class BadInputTests : IDisposable
{
    private const int Rows = 80;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(LearningTask.Classification)]
    [InlineData(LearningTask.Regression)]
    public void A_constant_column_is_of_no_use_and_does_no_harm(LearningTask task)
    {
        Run(Request(task, Good().With("same", ColumnKind.Number, _ => 7.5f).With("word", ColumnKind.Category, _ => "only")));

        AssertAllSucceed(task);
    }

    [Theory]
    [InlineData(LearningTask.Classification)]
    [InlineData(LearningTask.Regression)]
    public void Where_every_column_is_constant_the_model_says_what_is_usual(LearningTask task)
    {
        Run(Request(task, new TableBuilder(Rows).With("same", ColumnKind.Number, _ => 7.5f).With("word", ColumnKind.Category, _ => "only")));

        AssertAllSucceed(task);
    }

    [Theory]
    [InlineData(LearningTask.Classification)]
    [InlineData(LearningTask.Regression)]
    public void Infinite_and_enormous_values_do_not_spread(LearningTask task)
    {
        float[] odd = [float.PositiveInfinity, float.NegativeInfinity, float.NaN, float.MaxValue, -float.MaxValue, float.Epsilon];

        Run(Request(task, Good().With("odd", ColumnKind.Number, row => row % 9 < odd.Length ? odd[row % 9] : row)));

        AssertAllSucceed(task);
    }

    [Theory]
    [InlineData(LearningTask.Classification)]
    [InlineData(LearningTask.Regression)]
    public void A_feature_that_no_training_row_has_is_of_no_use_and_does_no_harm(LearningTask task)
    {
        var request = Request(task, Good().With("late", ColumnKind.Number, row => row % 5 == 0 ? row : float.NaN).With("later", ColumnKind.Category, row => row % 5 == 0 ? $"{row % 3}" : ""));

        Run(request with { Folds = [.. Enumerable.Range(0, Rows).Select(row => row % 5 == 0 ? -1 : row % 2)] });

        AssertAllSucceed(task);
    }

    [Fact]
    public void A_class_that_only_other_rows_have_is_held_for_unlikely()
    {
        var request = Request(LearningTask.Classification, Good());

        Run(request with
        {
            Target = new ClassTargetColumn("target", ColumnKind.Category, [.. Enumerable.Range(0, Rows).Select(row => row % 20 == 0 ? "new" : Kind(row))]),
            Folds = [.. Enumerable.Range(0, Rows).Select(row => row % 5 == 0 ? -1 : row % 2)],
        });

        AssertAllSucceed(LearningTask.Classification);
    }

    [Fact]
    public void Folds_of_one_class_each_are_learned_from_as_they_are()
    {
        var request = Request(LearningTask.Classification, Good());

        Run(request with { Folds = [.. Enumerable.Range(0, Rows).Select(row => row % 5 == 0 ? -1 : Kind(row) == "a" ? 0 : 1)] });

        AssertAllSucceed(LearningTask.Classification);
    }

    [Fact]
    public void A_target_of_which_only_one_class_is_trained_on_is_refused_with_the_reason() => AssertRefused(
        Request(LearningTask.Classification, Good()) with { Folds = [.. Enumerable.Range(0, Rows).Select(row => Kind(row) == "a" ? -1 : row % 2)] },
        "'target' is 'b' in every row that is trained on");

    [Fact]
    public void A_number_that_is_the_same_in_all_rows_that_are_trained_on_is_refused_with_the_reason() => AssertRefused(
        Request(LearningTask.Regression, Good()) with
        {
            Target = new NumberTargetColumn("target", ColumnKind.Number, [.. Enumerable.Range(0, Rows).Select(row => row % 5 == 0 ? row : 3.0)]),
            Folds = [.. Enumerable.Range(0, Rows).Select(row => row % 5 == 0 ? -1 : row % 2)],
        },
        "'target' has the same value in every row that is trained on");

    [Fact]
    public void Rows_whose_target_is_infinite_are_left_out_with_a_note()
    {
        var request = Request(LearningTask.Regression, Good());
        double[] values = [double.PositiveInfinity, double.NegativeInfinity, double.NaN];

        Run(request with
        {
            Target = new NumberTargetColumn("target", ColumnKind.Number, [.. Enumerable.Range(0, Rows).Select(row => row < values.Length ? values[row] : 10 * TableBuilder.Wave(row, 0))]),
        });

        AssertAllSucceed(LearningTask.Regression);
        Assert.Contains("3 rows without a value of 'target' were left out.", Card().Notes);
    }

    [Fact]
    public void A_target_too_large_for_a_model_s_answer_is_refused_with_the_reason() => AssertRefused(
        Request(LearningTask.Regression, Good()) with
        {
            Target = new NumberTargetColumn("target", ColumnKind.Number, [.. Enumerable.Range(0, Rows).Select(row => row == 9 ? 1e300 : row)]),
        },
        "'target' has values beyond 1E+37");

    [Theory]
    [InlineData("""{ "maxTrials": 0 }""", "'sweep.maxTrials' must be from 1")]
    [InlineData("""{ "maxCpuHours": 0 }""", "'sweep.maxCpuHours' must be above 0")]
    [InlineData("""{ "timeout": "0s" }""", "'sweep.timeout' must be longer than nothing")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "choices": [] } } } }""", "'sweep.spaces.linear.l2' must give at least one choice")]
    [InlineData("""{ "spaces": { "linear": { "l2": { "minimum": 5, "maximum": 4 } } } }""", "'sweep.spaces.linear.l2' must not have a minimum (5) above its maximum (4)")]
    [InlineData("""{ "spaces": { "linear": { "l2": null } } }""", "'sweep.spaces.linear.l2' must give 'choices'")]
    [InlineData("""{ "spaces": { "linear": { "depth": { "choices": [1] } } } }""", "'sweep.spaces.linear.depth' is no hyperparameter of 'linear'")]
    public void A_sweep_without_anything_to_try_is_refused_by_field(string sweep, string reason)
    {
        var request = Request(LearningTask.Classification, Good());

        AssertRefused(request with { Parameters = request.Parameters with { Sweep = JsonSerializer.Deserialize<SweepPlan>(sweep, JsonDefaults.Options)! } }, reason);
    }

    [Fact]
    public void Slices_of_a_column_that_is_no_feature_are_refused_before_anything_is_trained()
    {
        var request = Request(LearningTask.Classification, Good());

        AssertRefused(request with { Parameters = request.Parameters with { Evaluate = new EvaluationPlan { Slices = ["x", "absent"] } } }, "'evaluate.slices' names 'absent'");
        Assert.False(Directory.Exists(_folder["checkpoints"]));
    }

    [Fact]
    public void A_trial_that_cannot_be_trained_has_its_reason_and_the_others_make_the_model()
    {
        var request = Request(LearningTask.Classification, Good());
        var sweep = JsonSerializer.Deserialize<SweepPlan>("""{ "spaces": { "gradient-boosting": { "monotone": { "choices": [{ "colour": 1 }] } }, "random-forest": { "trees": { "choices": [-7] }, "min-rows-of-leaf": { "choices": [0] } } } }""", JsonDefaults.Options)!;

        Run(request with { Parameters = request.Parameters with { Sweep = sweep with { MaxTrials = 3, Folds = 2 }, Trainers = ["gradient-boosting", "random-forest", "linear"] } });

        var trials = Board().Trials.ToDictionary(trial => trial.Spec.Trainer);
        Assert.Equal(new ErrorDetail("A constraint cannot be kept", "'monotone' names 'colour', which is no numeric feature."), trials["gradient-boosting"].Error);
        Assert.Equal("A hyperparameter is out of range", trials["random-forest"].Error!.Title);
        Assert.Equal("linear", Card().Trainer);
    }

    private static TableBuilder Good() => new TableBuilder(Rows)
        .With("x", ColumnKind.Number, row => (float)TableBuilder.Wave(row, 0))
        .With("y", ColumnKind.Category, row => row % 3 == 0 ? "low" : "high");

    private static string Kind(int row) => TableBuilder.Wave(row, 0) > 0 ? "a" : "b";

    private TrainingRequest Request(LearningTask task, TableBuilder builder)
    {
        var table = builder.Build();
        return new TrainingRequest
        {
            Parameters = new TrainParameters
            {
                Model = "model",
                Target = "target",
                Task = task,
                Trainers = SweepValidation.Trainers,
                Sweep = new SweepPlan { MaxTrials = SweepValidation.Trainers.Count, Folds = 2 },
            },
            Features = table,
            Target = task is LearningTask.Regression
                ? new NumberTargetColumn("target", ColumnKind.Number, [.. Enumerable.Range(0, Rows).Select(row => 10 * TableBuilder.Wave(row, 0))])
                : new ClassTargetColumn("target", ColumnKind.Category, [.. Enumerable.Range(0, Rows).Select(Kind)]),
            Schema = new DataSchema { Columns = [.. table.Columns.Select(c => new DataColumn(c.Name, c.Kind, "", true)), new("target", ColumnKind.Category, "", false)] },
            OutputFolder = _folder["outputs"],
            CheckpointFolder = _folder["checkpoints"],
            Threads = 1,
        };
    }

    private static void Run(TrainingRequest request) => new TrainingRun(TimeProvider.System).Execute(request, new Progress<JobProgress>(), CancellationToken.None);

    private static void AssertRefused(TrainingRequest request, string reason) =>
        Assert.Contains(reason, Assert.Throws<TrainingException>(() => Run(request)).Message, StringComparison.Ordinal);

    private Leaderboard Board() => JsonSerializer.Deserialize<Leaderboard>(File.ReadAllBytes(_folder["outputs/leaderboard.json"]), JsonDefaults.Options)!;

    private ModelCard Card() => JsonSerializer.Deserialize<ModelCard>(File.ReadAllBytes(_folder["outputs/card.json"]), JsonDefaults.Options)!;

    private void AssertAllSucceed(LearningTask task)
    {
        var board = Board();
        Assert.Equal(SweepValidation.Trainers.Order(), board.Trials.Select(trial => trial.Spec.Trainer).Order());
        Assert.All(board.Trials, trial => Assert.Equal((trial.Spec.Trainer, TrialStatus.Succeeded, null), (trial.Spec.Trainer, trial.Status, trial.Error?.Detail)));
        Assert.All(board.Trials, trial => Assert.True(double.IsFinite(trial.Objective!.Value)));

        var signature = JsonSerializer.Deserialize<ModelSignature>(File.ReadAllBytes(_folder["outputs/signature.json"]), JsonDefaults.Options)!;
        var answers = (float[])GraphRunner.Run(
            ModelProto.Parser.ParseFrom(File.ReadAllBytes(_folder["outputs/model.onnx"])),
            signature.Inputs.ToDictionary(i => i.Input, i => i.Type == TensorType.String ? (Array)new[] { "", "low" } : new[] { float.NaN, float.MaxValue }),
            task is LearningTask.Regression ? "value" : "probabilities")[0];
        Assert.All(answers, answer => Assert.True(float.IsFinite(answer)));
    }
}
