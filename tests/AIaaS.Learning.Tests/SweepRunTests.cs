using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Tests;

/// <summary>The sweep inside one job, with a trainer whose quality is its hyperparameter: the closer to 0.7, the better.</summary>
public sealed class SweepRunTests : IDisposable
{
    private const int Rows = 200;
    private const int AllRows = 160;

    private readonly TemporaryFolder _folder = new();
    private readonly SteppedTime _time = new();
    private readonly ScriptedTrainer _trainer = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_model_is_made_of_the_best_trial()
    {
        Execute(Request());

        var board = Board();
        var best = board.Trials[0];
        Assert.Equal(board.Trials.Min(trial => trial.Objective), best.Objective);
        Assert.Equal(("rmse", false), (board.Objective, board.HigherIsBetter));
        Assert.Equal([new ModelMember(best.Spec.Trial, 1)], board.Members);
        Assert.Equal(best.Spec.Hyperparameters["quality"].GetDouble(), Card().Hyperparameters["quality"].GetDouble());
    }

    [Fact]
    public void What_validation_settled_is_taken_for_training_on_all_rows()
    {
        _trainer.LearnsInSteps = true;

        Execute(Request());

        Assert.Equal(17, Card().Hyperparameters["iterations"].GetInt32());
    }

    [Fact]
    public void Every_fold_s_rows_are_predicted_by_a_model_that_did_not_see_them()
    {
        Execute(Request() with { Parameters = Parameters() with { Sweep = new SweepPlan { MaxTrials = 1, Folds = 4 } } });

        Assert.Equal([120, 120, 120, 120, 160], _trainer.Trained.Select(training => training.Rows));
        Assert.Equal([40, 40, 40, 40], new TrialFiles(_folder["checkpoints/trials"]).LoadPredictions(1, 160) is { } all ? all.Chunk(40).Select(fold => fold.Length) : []);
    }

    [Fact]
    public void A_trainer_that_learns_in_steps_is_stopped_by_rows_that_its_fold_is_not_judged_by()
    {
        _trainer.LearnsInSteps = true;

        Execute(Request() with { Parameters = Parameters() with { Sweep = new SweepPlan { MaxTrials = 1, Folds = 4 } } });

        Assert.Equal([102, 102, 102, 102, 160], _trainer.Trained.Select(training => training.Rows));
        Assert.Equal([18, 18, 18, 18, null], _trainer.Trained.Select(training => training.Validation?.Rows));
    }

    [Fact]
    public void A_failed_trial_has_its_reason_and_the_others_go_on()
    {
        _trainer.Fails = quality => quality < 0.5;

        Execute(Request());

        var failed = Board().Trials.Where(trial => trial.Status is TrialStatus.Failed).ToList();
        Assert.NotEmpty(failed);
        Assert.All(failed, trial => Assert.Equal(new ErrorDetail("It does not work", "Choose a quality above 0.5."), trial.Error));
        Assert.True(Board().Trials[0].Spec.Hyperparameters["quality"].GetDouble() >= 0.5);
    }

    [Fact]
    public void A_fault_of_a_trainer_sinks_its_own_trial_only()
    {
        _trainer.Fails = quality => quality < 0.5 ? throw new InvalidOperationException("index out of step") : false;

        Execute(Request());

        var failed = Board().Trials.First(trial => trial.Status is TrialStatus.Failed);
        Assert.Contains("index out of step", failed.Error!.Detail, StringComparison.Ordinal);
        Assert.Equal(TrialStatus.Succeeded, Board().Trials[0].Status);
    }

    [Fact]
    public void Where_all_trials_fail_the_run_does_with_their_reason()
    {
        _trainer.Fails = _ => true;

        var refusal = Assert.Throws<TrainingException>(() => Execute(Request()));

        Assert.Equal(("It does not work", "Choose a quality above 0.5."), (refusal.Title, refusal.Message));
    }

    [Fact]
    public void A_trial_that_fails_on_all_rows_gives_way_to_the_next_best()
    {
        double? best = null;
        _trainer.FailsOnAllRows = quality => quality == (best ??= quality);

        Execute(Request());

        Assert.NotEqual(best, Card().Hyperparameters["quality"].GetDouble());
        Assert.Equal(Board().Trials[1].Spec.Trial, Assert.Single(Board().Members).Trial);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    [InlineData(13)]
    [InlineData(25)]
    public void A_sweep_that_was_killed_goes_on_to_the_same_model_without_doing_anything_twice(int killedAt)
    {
        Execute(Request());
        var expected = File.ReadAllBytes(_folder["outputs/model.onnx"]);
        var all = _trainer.Trained.Count;
        Directory.Delete(_folder["outputs"], recursive: true);
        Directory.Delete(_folder["checkpoints"], recursive: true);
        _trainer.Trained.Clear();

        _trainer.DiesAt = killedAt;
        Assert.Throws<DeadException>(() => Execute(Request()));
        _trainer.DiesAt = null;
        Execute(Request());

        Assert.Equal(expected, File.ReadAllBytes(_folder["outputs/model.onnx"]));
        Assert.Equal(all + 1, _trainer.Trained.Count);
    }

    [Fact]
    public void Trials_of_several_jobs_make_the_model_that_one_job_would_make()
    {
        Execute(Request());
        var expected = File.ReadAllBytes(_folder["outputs/model.onnx"]);
        var trials = Board().Trials.Select(trial => trial.Spec).OrderBy(spec => spec.Trial).ToArray();
        Directory.CreateDirectory(_folder["inputs"]);
        foreach (var (job, part) in trials.Chunk(3).Index())
        {
            Assert.Null(Execute(Request() with
            {
                Parameters = Parameters() with { Trials = part },
                OutputFolder = _folder[$"job-{job}/outputs"],
                CheckpointFolder = _folder[$"job-{job}/checkpoints"],
            }));
            Assert.False(File.Exists(_folder[$"job-{job}/outputs/model.onnx"]));
            foreach (var file in Directory.GetFiles(_folder[$"job-{job}/outputs/trials"]))
                File.Copy(file, Path.Combine(_folder["inputs"], Path.GetFileName(file)));
        }

        Execute(Request() with
        {
            Parameters = Parameters() with { SweepIsOver = true },
            TrialsFolder = _folder["inputs"],
            OutputFolder = _folder["last/outputs"],
            CheckpointFolder = _folder["last/checkpoints"],
        });

        Assert.Equal(expected, File.ReadAllBytes(_folder["last/outputs/model.onnx"]));
    }

    [Fact]
    public void After_its_timeout_a_sweep_begins_no_further_trial_and_makes_its_model()
    {
        _trainer.TakesFor = _ => TimeSpan.FromMinutes(1);
        _trainer.Time = _time;

        Execute(Request() with { Parameters = Parameters() with { Sweep = new SweepPlan { MaxTrials = 50, Timeout = TimeSpan.FromMinutes(10) } } });

        Assert.InRange(Board().Trials.Count, 1, 8);
        Assert.True(File.Exists(_folder["outputs/model.onnx"]));
    }

    [Fact]
    public void A_trial_that_takes_too_long_has_that_for_its_reason_and_the_others_go_on()
    {
        _trainer.Time = _time;
        _trainer.TakesFor = quality => quality == 0.6 ? TimeSpan.FromMinutes(2) : TimeSpan.Zero;

        Execute(Request() with { Parameters = Parameters() with { Sweep = new SweepPlan { MaxTrials = 4, TrialTimeout = TimeSpan.FromMinutes(1) } } });

        Assert.Equal(
            new ErrorDetail("The trial timed out", "It was not done after 1m. Allow a trial more time, or give it less to do."),
            Assert.Single(Board().Trials, trial => trial.Status is TrialStatus.Failed).Error);
    }

    [Fact]
    public void A_budget_that_no_trial_is_done_in_fails_the_run_with_that_reason()
    {
        _trainer.Time = _time;
        _trainer.TakesFor = _ => TimeSpan.FromMinutes(2);

        var refusal = Assert.Throws<TrainingException>(() =>
            Execute(Request() with { Parameters = Parameters() with { Sweep = new SweepPlan { MaxTrials = 4, TrialTimeout = TimeSpan.FromMinutes(1) } } }));

        Assert.Equal("The trial timed out", refusal.Title);
    }

    [Fact]
    public void A_sweep_with_time_for_less_than_one_trial_has_one_nevertheless()
    {
        _trainer.Time = _time;
        _trainer.TakesFor = _ => TimeSpan.FromHours(2);

        Execute(Request() with { Parameters = Parameters() with { Sweep = new SweepPlan { MaxTrials = 50, Timeout = TimeSpan.FromSeconds(1), MaxCpuHours = 0.001 } } });

        Assert.NotEmpty(Board().Members);
    }

    [Theory]
    [InlineData("wave.json")]
    [InlineData("sweep.json")]
    [InlineData("trials/0001.json")]
    [InlineData("trials/0001.predictions")]
    [InlineData("trial-0006/fold-1.json")]
    [InlineData("trial-0006/fold-1.predictions")]
    public void A_damaged_checkpoint_is_done_anew(string file)
    {
        var request = Request() with { Parameters = Parameters() with { Sweep = Parameters().Sweep with { Timeout = TimeSpan.FromHours(1) } } };
        Execute(request);
        var expected = File.ReadAllBytes(_folder["outputs/model.onnx"]);
        Directory.Delete(_folder["checkpoints"], recursive: true);
        _trainer.Trained.Clear();
        // Within the second fold of the sixth trial.
        _trainer.DiesAt = 17;
        Assert.Throws<DeadException>(() => Execute(request));
        _trainer.DiesAt = null;
        var path = Path.Combine(_folder["checkpoints"], file);
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..(int)(new FileInfo(path).Length / 2)]);

        Execute(request);

        Assert.Equal(expected, File.ReadAllBytes(_folder["outputs/model.onnx"]));
    }

    [Fact]
    public void Rows_are_weighted_by_a_column_and_by_their_class()
    {
        var target = new ClassTargetColumn("target", ColumnKind.Category, [.. Enumerable.Range(0, Rows).Select(row => row % 4 == 0 ? "rare" : "common")]);
        Execute(Request() with
        {
            Parameters = Parameters() with { Task = LearningTask.Classification, Weights = new WeightPlan { Classes = ClassWeights.Balanced, Column = "w" } },
            Target = target,
            Weights = [.. Enumerable.Range(0, Rows).Select(row => row % 8 < 4 ? 1f : 3f)],
        });

        var last = _trainer.Trained[^1];
        var weights = last.Weights!;
        Assert.Equal(1, weights.Average(), 1e-4);
        Assert.Equal([1.0, 3.0], weights.Where((_, row) => ((ClassTarget)last.Target).Rows[row] == 0).Distinct().Order().Select(weight => Math.Round(weight / weights.Min(), 3)));
    }

    [Fact]
    public void A_weight_that_is_not_above_zero_is_refused_with_its_row()
    {
        var refusal = Assert.Throws<TrainingException>(() => Execute(Request() with
        {
            Parameters = Parameters() with { Weights = new WeightPlan { Column = "w" } },
            Weights = [.. Enumerable.Range(0, Rows).Select(row => row == 6 ? 0f : 1f)],
        }));

        Assert.Contains("'w'", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("row 7", refusal.Message, StringComparison.Ordinal);
    }

    private ModelMetrics? Execute(TrainingRequest request) =>
        new TrainingRun(_time, [_trainer]).Execute(request, new IgnoredProgress(), CancellationToken.None);

    private static TrainParameters Parameters() => new()
    {
        Model = "model",
        Target = "target",
        Task = LearningTask.Regression,
        Trainers = ["scripted"],
        Sweep = new SweepPlan { MaxTrials = 8, Folds = 3 },
    };

    private TrainingRequest Request()
    {
        var table = new TableBuilder(Rows).With("x", ColumnKind.Number, row => (float)TableBuilder.Wave(row, 0)).With("w", ColumnKind.Number, _ => 1).Build();
        return new TrainingRequest
        {
            Parameters = Parameters(),
            Features = table,
            Target = new NumberTargetColumn("target", ColumnKind.Number, [.. Enumerable.Range(0, Rows).Select(row => 10 * TableBuilder.Wave(row, 0))]),
            Schema = new DataSchema { Columns = [.. table.Columns.Select(c => new DataColumn(c.Name, c.Kind, "FLOAT", true)), new("target", ColumnKind.Number, "DOUBLE", false)] },
            OutputFolder = _folder["outputs"],
            CheckpointFolder = _folder["checkpoints"],
            Threads = 1,
        };
    }

    private Leaderboard Board() => JsonSerializer.Deserialize<Leaderboard>(File.ReadAllBytes(_folder["outputs/leaderboard.json"]), JsonDefaults.Options)!;

    private ModelCard Card() => JsonSerializer.Deserialize<ModelCard>(File.ReadAllBytes(_folder["outputs/card.json"]), JsonDefaults.Options)!;

    private sealed class IgnoredProgress : IProgress<JobProgress>
    {
        public void Report(JobProgress value)
        {
        }
    }

    /// <summary>As where the disk goes away: not a trial's own failure.</summary>
    private sealed class DeadException : IOException;

    /// <summary>Predicts ten times its one feature, scaled: with a quality of 0.7 exactly.</summary>
    private sealed class ScriptedTrainer : ITrainer
    {
        public string Name => "scripted";

        public List<TrainerInput> Trained { get; } = [];

        public bool LearnsInSteps { get; set; }

        public Func<double, bool> Fails { get; set; } = _ => false;

        public Func<double, bool> FailsOnAllRows { get; set; } = _ => false;

        public int? DiesAt { get; set; }

        public Func<double, TimeSpan> TakesFor { get; set; } = _ => TimeSpan.Zero;

        public SteppedTime? Time { get; set; }

        public bool Supports(LearningTask task) => true;

        public IReadOnlyDictionary<string, HyperparameterRange> Space(LearningTask task, int rows) =>
            new Dictionary<string, HyperparameterRange> { ["quality"] = HyperparameterRange.Uniform(0, 1, 0.6) };

        public IReadOnlyList<IFeatureEncoder> Encoders(Hyperparameters hyperparameters) => [new RawNumberEncoder()];

        public TrainedModel Train(TrainerInput input, CancellationToken cancellationToken)
        {
            var quality = input.Hyperparameters.Number("quality", 0.6);
            Time?.Advance(TakesFor(quality));
            cancellationToken.ThrowIfCancellationRequested();
            Trained.Add(input);
            if (Trained.Count == DiesAt)
                throw new DeadException();
            if (Fails(quality) || (input.Rows == AllRows && FailsOnAllRows(quality)))
                throw new TrainingException("It does not work", "Choose a quality above 0.5.");
            var factor = (float)(10 * (1 - Math.Abs(quality - 0.7)));
            return new TrainedModel
            {
                Build = features => input.Target is ClassTarget classes
                    ? (features.Gather(features.Graph.Vector("first", 0), axis: 1) * features.Graph.Constant("signs", new float[classes.Count], classes.Count)).Softmax()
                    : (features.Gather(features.Graph.Vector("first", 0), axis: 1) * factor).Reshape([features.Shape[0]]),
                Hyperparameters = new Dictionary<string, JsonElement>
                {
                    ["quality"] = JsonSerializer.SerializeToElement(quality),
                    ["iterations"] = JsonSerializer.SerializeToElement(input.Hyperparameters.Integer("iterations", 100)),
                },
                Refit = !LearnsInSteps || input.Validation is null ? new Dictionary<string, double>() : new Dictionary<string, double> { ["iterations"] = 17 },
            };
        }
    }
}
