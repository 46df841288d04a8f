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

    private void AssertAllSucceed(LearningTask task)
    {
        var board = JsonSerializer.Deserialize<Leaderboard>(File.ReadAllBytes(_folder["outputs/leaderboard.json"]), JsonDefaults.Options)!;
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
