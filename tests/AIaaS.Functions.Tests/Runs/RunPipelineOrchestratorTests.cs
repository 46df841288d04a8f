using AIaaS.Formats;
using AIaaS.Functions.Runs;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Training;

namespace AIaaS.Functions.Tests.Runs;

/// <summary>Each path as the engine runs it, and once more replayed from its history at every turn.</summary>
public sealed class RunPipelineOrchestratorTests
{
    private static readonly ErrorDetail Refusal = new("The data cannot be used", "It has one row only.");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_run_goes_through_its_stages_in_order(bool replayed)
    {
        await using var run = new ScriptedRun(replayed);

        await run.RunAsync();

        Assert.Equal(
            [
                RunActivities.BeginRun, RunActivities.PrepareDataset, RunActivities.SubmitTraining, RunActivities.GetTraining,
                RunActivities.EvaluateModel, RunActivities.RegisterModel, RunActivities.DeployModel, RunActivities.EndRun,
            ],
            run.Calls);
        Assert.Equal((RunStatus.Succeeded, null), (run.End.Status, run.End.Error));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_run_without_a_pipeline_prepares_its_data_and_ends(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { Plan = new RunPlan(Proceeds: true, Trains: false) };

        await run.RunAsync();

        Assert.Equal([RunActivities.BeginRun, RunActivities.PrepareDataset, RunActivities.EndRun], run.Calls);
        Assert.Equal(RunStatus.Succeeded, run.End.Status);
    }

    [Fact]
    public async Task A_run_that_ended_already_is_left_as_it_is()
    {
        await using var run = new ScriptedRun(replayEveryTurn: false) { Plan = new RunPlan(Proceeds: false, Trains: false) };

        await run.RunAsync();

        Assert.Equal([RunActivities.BeginRun], run.Calls);
    }

    [Fact]
    public async Task A_training_job_that_nobody_can_look_at_any_longer_is_cancelled()
    {
        await using var run = new ScriptedRun(replayEveryTurn: true) { GetTraining = () => throw new IOException("the cluster is out of reach") };

        await run.RunAsync();

        Assert.Equal(RunStatus.Failed, run.End.Status);
        Assert.Contains(RunActivities.CancelTraining, run.Calls);
    }

    [Theory]
    [InlineData(RunActivities.PrepareDataset, false)]
    [InlineData(RunActivities.PrepareDataset, true)]
    [InlineData(RunActivities.SubmitTraining, false)]
    [InlineData(RunActivities.SubmitTraining, true)]
    [InlineData(RunActivities.EvaluateModel, false)]
    [InlineData(RunActivities.EvaluateModel, true)]
    [InlineData(RunActivities.RegisterModel, false)]
    [InlineData(RunActivities.RegisterModel, true)]
    [InlineData(RunActivities.DeployModel, false)]
    [InlineData(RunActivities.DeployModel, true)]
    public async Task A_refusal_ends_the_run_with_its_words_and_no_later_stage(string stage, bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { Refusals = { [stage] = Refusal } };

        await run.RunAsync();

        Assert.Equal((RunStatus.Failed, Refusal), (run.End.Status, run.End.Error));
        Assert.Equal([stage, RunActivities.EndRun], run.Calls.TakeLast(2));
        Assert.Single(run.Calls, stage);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stage_that_throws_is_tried_again(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { Throws = { [RunActivities.RegisterModel] = 4 } };

        await run.RunAsync();

        Assert.Equal(RunStatus.Succeeded, run.End.Status);
        Assert.Equal(5, run.Calls.Count(call => call == RunActivities.RegisterModel));
    }

    [Theory]
    [InlineData(RunActivities.PrepareDataset, false)]
    [InlineData(RunActivities.PrepareDataset, true)]
    [InlineData(RunActivities.SubmitTraining, false)]
    [InlineData(RunActivities.DeployModel, false)]
    public async Task A_stage_that_goes_on_throwing_ends_the_run_without_telling_of_our_internals(string stage, bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { Throws = { [stage] = int.MaxValue } };

        await run.RunAsync();

        Assert.Equal(RunStatus.Failed, run.End.Status);
        Assert.Contains(stage, run.End.Error!.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", run.End.Error.Title + run.End.Error.Detail, StringComparison.Ordinal);
        Assert.Equal(5, run.Calls.Count(call => call == stage));
    }

    [Theory]
    [InlineData(RunActivities.PrepareDataset, false)]
    [InlineData(RunActivities.PrepareDataset, true)]
    [InlineData(RunActivities.RegisterModel, false)]
    [InlineData(RunActivities.DeployModel, true)]
    public async Task A_cancelled_run_ends_once_its_stage_has_stopped(string stage, bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { HeldStage = stage, Refusals = { [stage] = Refusal } };
        await run.StartUntilHeldAsync();

        await run.RaiseAsync(RunPipelineOrchestrator.CancelEvent);
        await run.WaitsForTimeAsync();
        Assert.Empty(run.Ends);
        run.Released.Release();
        await run.EndAsync();

        Assert.Equal((RunStatus.Cancelled, null), (run.End.Status, run.End.Error));
        Assert.Equal([stage, RunActivities.EndRun], run.Calls.TakeLast(2));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stage_that_does_not_stop_keeps_nobody_waiting_for_the_end_of_a_cancelled_run(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { HeldStage = RunActivities.PrepareDataset };
        await run.StartUntilHeldAsync();

        await run.RaiseAsync(RunPipelineOrchestrator.CancelEvent);
        await run.WaitsForTimeAsync();
        await run.PassTimeUntilEndAsync(TimeSpan.FromSeconds(10));

        Assert.Equal((RunStatus.Cancelled, null), (run.End.Status, run.End.Error));
        Assert.DoesNotContain(RunActivities.SubmitTraining, run.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_stage_that_was_done_before_it_stopped_is_followed_by_no_other(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { HeldStage = RunActivities.RegisterModel };
        await run.StartUntilHeldAsync();

        await run.RaiseAsync(RunPipelineOrchestrator.CancelEvent);
        await run.WaitsForTimeAsync();
        run.Released.Release();
        await run.EndAsync();

        Assert.Equal(RunStatus.Cancelled, run.End.Status);
        Assert.DoesNotContain(RunActivities.DeployModel, run.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_run_whose_last_stage_was_done_before_it_stopped_has_succeeded(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { HeldStage = RunActivities.DeployModel };
        await run.StartUntilHeldAsync();

        await run.RaiseAsync(RunPipelineOrchestrator.CancelEvent);
        await run.WaitsForTimeAsync();
        run.Released.Release();
        await run.EndAsync();

        Assert.Equal(RunStatus.Succeeded, run.End.Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_run_from_before_cancelled_stages_were_waited_for_ends_as_its_history_has_it(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { Plan = new RunPlan(Proceeds: true, Trains: true), HeldStage = RunActivities.PrepareDataset };
        await run.StartUntilHeldAsync();

        await run.RaiseAsync(RunPipelineOrchestrator.CancelEvent);
        await run.EndAsync();

        Assert.Equal((RunStatus.Cancelled, null), (run.End.Status, run.End.Error));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cancelled_while_it_trains_a_run_takes_its_job_back(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { GetTraining = () => StateAsync(TrainingJobState.Running) };
        await run.StartAsync();
        await ScriptedRun.ComesAsync(run.Submitted);

        await run.RaiseAsync(RunPipelineOrchestrator.CancelEvent);
        await run.EndAsync();

        Assert.Equal(RunStatus.Cancelled, run.End.Status);
        Assert.Equal([RunActivities.CancelTraining, RunActivities.EndRun], run.Calls.TakeLast(2));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_job_whose_end_nobody_told_of_is_found_by_the_timer(bool replayed)
    {
        await using var run = new ScriptedRun(replayed);
        await run.StartAsync();
        await ScriptedRun.ComesAsync(run.Submitted);

        await run.PassTimeUntilEndAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(RunStatus.Succeeded, run.End.Status);
        Assert.Single(run.Calls, RunActivities.GetTraining);
    }

    [Fact]
    public async Task The_timer_looks_less_often_as_time_goes_by()
    {
        var looks = new List<DateTimeOffset>();
        await using var run = new ScriptedRun(replayEveryTurn: false);
        run.GetTraining = () =>
        {
            looks.Add(run.Now);
            return StateAsync(looks.Count < 7 ? TrainingJobState.Running : TrainingJobState.Succeeded);
        };
        await run.StartAsync();

        await run.PassTimeUntilEndAsync(TimeSpan.FromSeconds(10));

        double[] shortest = [60, 120, 240, 300, 300, 300];
        var gaps = looks.Zip(looks.Skip(1), (earlier, later) => (later - earlier).TotalSeconds);
        Assert.All(gaps.Zip(shortest), gap => Assert.True(gap.First >= gap.Second, $"Looked after {gap.First} s instead of {gap.Second}."));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_event_that_came_too_early_does_not_end_the_wait(bool replayed)
    {
        var states = new Queue<TrainingJobState>([TrainingJobState.Running, TrainingJobState.Running, TrainingJobState.Succeeded]);
        await using var run = new ScriptedRun(replayed);
        run.GetTraining = () => StateAsync(states.Dequeue());
        await run.StartAsync();
        for (var i = 0; i < 3; i++)
        {
            await run.RaiseAsync(RunPipelineOrchestrator.JobEndedEvent);
            await ScriptedRun.ComesAsync(run.Looked);
        }

        await run.EndAsync();

        Assert.Equal(RunStatus.Succeeded, run.End.Status);
    }

    [Theory]
    [InlineData(TrainingJobState.Interrupted, false)]
    [InlineData(TrainingJobState.Interrupted, true)]
    [InlineData(TrainingJobState.Unknown, false)]
    public async Task A_job_the_cluster_took_back_or_lost_is_submitted_again(TrainingJobState state, bool replayed)
    {
        await using var run = new ScriptedRun(replayed);
        run.GetTraining = () => StateAsync(run.Attempts.Count < 3 ? state : TrainingJobState.Succeeded);

        await run.RunAsync();

        Assert.Equal([1, 2, 3], run.Attempts);
        Assert.Equal(RunStatus.Succeeded, run.End.Status);
    }

    [Fact]
    public async Task A_job_that_is_taken_back_for_ever_is_given_up()
    {
        await using var run = new ScriptedRun(replayEveryTurn: false) { GetTraining = () => StateAsync(TrainingJobState.Interrupted) };

        await run.RunAsync();

        Assert.Equal(Enumerable.Range(1, 10), run.Attempts);
        Assert.Equal((RunStatus.Failed, "Training was interrupted too often"), (run.End.Status, run.End.Error!.Title));
        Assert.DoesNotContain(RunActivities.EvaluateModel, run.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_event_of_a_later_attempt_is_heard_though_that_of_the_first_got_lost(bool replayed)
    {
        await using var run = new ScriptedRun(replayed);
        run.GetTraining = () => StateAsync(run.Attempts.Count == 1 ? TrainingJobState.Interrupted : TrainingJobState.Succeeded);
        await run.StartAsync();
        await ScriptedRun.ComesAsync(run.Submitted);
        await run.PassTimeUntilAsync(run.Submitted, TimeSpan.FromSeconds(10));

        // No time passes from here on.
        await run.RaiseAsync(RunPipelineOrchestrator.JobEndedEvent);
        await run.EndAsync();

        Assert.Equal(RunStatus.Succeeded, run.End.Status);
    }

    [Fact]
    public async Task A_failure_of_the_clusters_is_told_in_its_words()
    {
        await using var run = new ScriptedRun(replayEveryTurn: false)
        {
            GetTraining = () => Task.FromResult(new TrainingJobStatus(TrainingJobState.Failed, Refusal)),
        };

        await run.RunAsync();

        Assert.Equal((RunStatus.Failed, Refusal), (run.End.Status, run.End.Error));
        Assert.DoesNotContain(RunActivities.EvaluateModel, run.Calls);
    }

    [Fact]
    public async Task A_failure_of_the_jobs_own_is_left_to_the_stage_that_reads_its_result()
    {
        await using var run = new ScriptedRun(replayEveryTurn: false)
        {
            GetTraining = () => StateAsync(TrainingJobState.Failed),
            Refusals = { [RunActivities.EvaluateModel] = Refusal },
        };

        await run.RunAsync();

        Assert.Equal((RunStatus.Failed, Refusal), (run.End.Status, run.End.Error));
    }

    [Fact]
    public async Task A_job_cancelled_on_the_cluster_ends_the_run()
    {
        await using var run = new ScriptedRun(replayEveryTurn: false) { GetTraining = () => StateAsync(TrainingJobState.Cancelled) };

        await run.RunAsync();

        Assert.Equal((RunStatus.Failed, "Training was cancelled"), (run.End.Status, run.End.Error!.Title));
    }

    [Fact]
    public async Task A_killed_host_goes_on_waiting_for_the_job_it_submitted()
    {
        await using var run = new ScriptedRun(replayEveryTurn: false);
        await run.StartAsync();
        await ScriptedRun.ComesAsync(run.Submitted);
        await run.RestartAsync();

        await run.RaiseAsync(RunPipelineOrchestrator.JobEndedEvent);
        await run.EndAsync();

        Assert.Equal(RunStatus.Succeeded, run.End.Status);
        Assert.Single(run.Calls, RunActivities.PrepareDataset);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Large_data_is_prepared_by_a_job_before_the_model_is_trained_by_another(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { PreparesAsJob = true };

        await run.RunAsync();

        Assert.Equal(
            [
                RunActivities.BeginRun, RunActivities.PrepareDataset, RunActivities.SubmitPreparation, RunActivities.GetPreparation, RunActivities.FinishPreparation,
                RunActivities.SubmitTraining, RunActivities.GetTraining,
                RunActivities.EvaluateModel, RunActivities.RegisterModel, RunActivities.DeployModel, RunActivities.EndRun,
            ],
            run.Calls);
        Assert.Equal(RunStatus.Succeeded, run.End.Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_end_of_training_is_heard_though_that_of_the_preparation_was_found_by_the_timer(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { PreparesAsJob = true };
        await run.StartAsync();
        await ScriptedRun.ComesAsync(run.Submitted);
        await run.PassTimeUntilAsync(run.Submitted, TimeSpan.FromSeconds(10));

        // No time passes from here on.
        await run.RaiseAsync(RunPipelineOrchestrator.JobEndedEvent);
        await run.EndAsync();

        Assert.Equal(RunStatus.Succeeded, run.End.Status);
    }

    [Theory]
    [InlineData(TrainingJobState.Interrupted, false)]
    [InlineData(TrainingJobState.Interrupted, true)]
    [InlineData(TrainingJobState.Unknown, false)]
    public async Task A_prepare_job_the_cluster_took_back_or_lost_is_submitted_again(TrainingJobState state, bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { PreparesAsJob = true };
        run.GetPreparation = () => StateAsync(run.PreparationAttempts.Count < 3 ? state : TrainingJobState.Succeeded);

        await run.RunAsync();

        Assert.Equal([1, 2, 3], run.PreparationAttempts);
        Assert.Equal([1], run.Attempts);
        Assert.Equal(RunStatus.Succeeded, run.End.Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cancelled_while_a_job_prepares_its_data_a_run_takes_that_job_back(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { PreparesAsJob = true, GetPreparation = () => StateAsync(TrainingJobState.Running) };
        await run.StartAsync();
        await ScriptedRun.ComesAsync(run.Submitted);

        await run.RaiseAsync(RunPipelineOrchestrator.CancelEvent);
        await run.EndAsync();

        Assert.Equal(RunStatus.Cancelled, run.End.Status);
        Assert.Equal([RunActivities.CancelPreparation, RunActivities.EndRun], run.Calls.TakeLast(2));
    }

    [Fact]
    public async Task A_prepare_job_that_failed_is_told_by_the_stage_that_reads_its_result()
    {
        await using var run = new ScriptedRun(replayEveryTurn: false)
        {
            PreparesAsJob = true,
            GetPreparation = () => StateAsync(TrainingJobState.Failed),
            Refusals = { [RunActivities.FinishPreparation] = Refusal },
        };

        await run.RunAsync();

        Assert.Equal((RunStatus.Failed, Refusal), (run.End.Status, run.End.Error));
        Assert.DoesNotContain(RunActivities.SubmitTraining, run.Calls);
    }

    [Fact]
    public async Task A_prepare_job_that_nobody_can_look_at_any_longer_is_cancelled()
    {
        await using var run = new ScriptedRun(replayEveryTurn: true) { PreparesAsJob = true, GetPreparation = () => throw new IOException("the cluster is out of reach") };

        await run.RunAsync();

        Assert.Equal(RunStatus.Failed, run.End.Status);
        Assert.Contains(RunActivities.CancelPreparation, run.Calls);
        Assert.DoesNotContain(RunActivities.CancelTraining, run.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_sweep_of_several_jobs_goes_round_by_round_and_then_makes_its_model(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { RoundJobs = { 2, 1 } };

        await run.RunAsync();

        string[] round = [RunActivities.PlanTrials, RunActivities.SubmitTrials, RunActivities.GetTrials];
        Assert.Equal(
            [
                RunActivities.BeginRun, RunActivities.PrepareDataset, .. round, .. round, RunActivities.PlanTrials,
                RunActivities.SubmitTraining, RunActivities.GetTraining,
                RunActivities.EvaluateModel, RunActivities.RegisterModel, RunActivities.DeployModel, RunActivities.EndRun,
            ],
            run.Calls);
        Assert.Equal([[1, 1], [1]], run.TrialAttempts);
        Assert.Equal(RunStatus.Succeeded, run.End.Status);
    }

    [Theory]
    [InlineData(TrainingJobState.Interrupted, false)]
    [InlineData(TrainingJobState.Interrupted, true)]
    [InlineData(TrainingJobState.Unknown, true)]
    public async Task Of_a_round_only_the_job_that_was_taken_back_is_submitted_again(TrainingJobState state, bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { RoundJobs = { 3 } };
        run.GetTrials = _ => [TrainingJobState.Succeeded, run.TrialAttempts.Count < 3 ? state : TrainingJobState.Succeeded, TrainingJobState.Succeeded];

        await run.RunAsync();

        Assert.Equal([[1, 1, 1], [0, 2, 0], [0, 3, 0]], run.TrialAttempts);
        Assert.Equal(RunStatus.Succeeded, run.End.Status);
    }

    [Fact]
    public async Task A_trial_job_that_is_taken_back_for_ever_is_given_up_and_the_sweep_goes_on()
    {
        await using var run = new ScriptedRun(replayEveryTurn: false) { RoundJobs = { 2 } };
        run.GetTrials = _ => [TrainingJobState.Failed, TrainingJobState.Interrupted];

        await run.RunAsync();

        Assert.Equal(10, run.TrialAttempts.Count);
        Assert.Equal(RunStatus.Succeeded, run.End.Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task The_other_jobs_of_a_round_are_looked_at_less_and_less_often_once_one_is_given_up(bool replayed)
    {
        var looks = new List<DateTimeOffset>();
        await using var run = new ScriptedRun(replayed) { RoundJobs = { 2 } };
        run.GetTrials = _ =>
        {
            looks.Add(run.Now);
            return [looks.Count < 15 ? TrainingJobState.Running : TrainingJobState.Succeeded, TrainingJobState.Interrupted];
        };
        await run.StartAsync();

        await run.PassTimeUntilEndAsync(TimeSpan.FromSeconds(10));

        Assert.Equal(10, run.TrialAttempts.Count);
        double[] shortest = [60, 120, 240, 300, 300];
        var gaps = looks.Zip(looks.Skip(1), (earlier, later) => (later - earlier).TotalSeconds).Skip(9);
        Assert.All(gaps.Zip(shortest), gap => Assert.True(gap.First >= gap.Second, $"Looked after {gap.First} s instead of {gap.Second}."));
    }

    [Fact]
    public async Task A_sweep_that_cannot_be_planned_ends_the_run_with_its_words()
    {
        await using var run = new ScriptedRun(replayEveryTurn: false) { SweepError = Refusal };

        await run.RunAsync();

        Assert.Equal((RunStatus.Failed, Refusal), (run.End.Status, run.End.Error));
        Assert.DoesNotContain(RunActivities.SubmitTraining, run.Calls);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Cancelled_during_a_round_a_run_takes_its_jobs_back(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { RoundJobs = { 2 }, GetTrials = _ => [TrainingJobState.Running, TrainingJobState.Running] };
        await run.StartAsync();
        await ScriptedRun.ComesAsync(run.Submitted);

        await run.RaiseAsync(RunPipelineOrchestrator.CancelEvent);
        await run.EndAsync();

        Assert.Equal(RunStatus.Cancelled, run.End.Status);
        Assert.Equal([RunActivities.CancelTrials, RunActivities.EndRun], run.Calls.TakeLast(2));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Jobs_of_a_round_that_nobody_can_look_at_any_longer_are_cancelled(bool replayed)
    {
        await using var run = new ScriptedRun(replayed) { RoundJobs = { 2 }, GetTrials = _ => throw new IOException("the cluster is out of reach") };

        await run.RunAsync();

        Assert.Equal(RunStatus.Failed, run.End.Status);
        Assert.Contains(RunActivities.GetTrials, run.End.Error!.Detail, StringComparison.Ordinal);
        Assert.Equal([RunActivities.CancelTrials, RunActivities.EndRun], run.Calls.TakeLast(2));
    }

    private static Task<TrainingJobStatus> StateAsync(TrainingJobState state) => Task.FromResult(new TrainingJobStatus(state));
}
