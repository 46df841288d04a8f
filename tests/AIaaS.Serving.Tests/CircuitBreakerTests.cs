using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Tests;

public sealed class CircuitBreakerTests
{
    private readonly ManualTime _time = new();
    private readonly CircuitBreaker _breaker;

    public CircuitBreakerTests() => _breaker = new(_time);

    [Fact]
    public void It_opens_when_most_runs_fail_and_says_for_how_long()
    {
        Fail(CircuitBreaker.Failures - 1);
        _breaker.ThrowIfOpen();

        Fail(1);

        Assert.Equal(TimeSpan.FromSeconds(5), Assert.Throws<ModelBrokenException>(_breaker.ThrowIfOpen).RetryAfter);
    }

    [Fact]
    public void A_model_that_mostly_succeeds_stays_in_use()
    {
        _breaker.Fail();
        for (var i = 0; i < 100; i++)
            _breaker.Succeed();

        Fail(20);

        _breaker.ThrowIfOpen();
    }

    [Fact]
    public void Successes_before_the_first_failure_count()
    {
        for (var i = 0; i < 100; i++)
            _breaker.Succeed();

        Fail(20);

        _breaker.ThrowIfOpen();
    }

    [Fact]
    public void Successes_of_long_ago_do_not_count()
    {
        for (var i = 0; i < 100; i++)
            _breaker.Succeed();
        _time.Advance(CircuitBreaker.Window);

        Fail(CircuitBreaker.Failures);

        Assert.Throws<ModelBrokenException>(_breaker.ThrowIfOpen);
    }

    [Fact]
    public void Failures_on_both_sides_of_a_second_count_together()
    {
        Fail(CircuitBreaker.Failures - 1);
        _time.Advance(CircuitBreaker.Window - TimeSpan.FromSeconds(1));

        Fail(1);

        Assert.Throws<ModelBrokenException>(_breaker.ThrowIfOpen);
    }

    [Fact]
    public void Failures_of_long_ago_do_not_count()
    {
        Fail(CircuitBreaker.Failures - 1);
        _time.Advance(CircuitBreaker.Window);

        Fail(1);

        _breaker.ThrowIfOpen();
    }

    [Fact]
    public void After_its_rest_one_request_is_let_through_and_its_success_closes_it()
    {
        Fail(CircuitBreaker.Failures);
        _time.Advance(TimeSpan.FromSeconds(5));

        _breaker.ThrowIfOpen();
        Assert.Throws<ModelBrokenException>(_breaker.ThrowIfOpen);
        _breaker.Succeed();

        _breaker.ThrowIfOpen();
        _breaker.ThrowIfOpen();
    }

    [Fact]
    public void A_trial_that_fails_doubles_the_rest()
    {
        Fail(CircuitBreaker.Failures);
        _time.Advance(TimeSpan.FromSeconds(5));
        _breaker.ThrowIfOpen();

        _breaker.Fail();

        Assert.Equal(TimeSpan.FromSeconds(10), Assert.Throws<ModelBrokenException>(_breaker.ThrowIfOpen).RetryAfter);
    }

    [Fact]
    public void A_trial_that_never_ran_leaves_room_for_another()
    {
        Fail(CircuitBreaker.Failures);
        _time.Advance(TimeSpan.FromSeconds(5));
        _breaker.ThrowIfOpen();

        _breaker.Abandon();

        _breaker.ThrowIfOpen();
    }

    [Fact]
    public async Task A_model_that_keeps_failing_rests_and_others_go_on()
    {
        await using var bad = await PredictionClient.StartAsync(TestModels.Failing);
        await using var good = await PredictionClient.StartAsync(TestModels.Regression);
        for (var i = 0; i < CircuitBreaker.Failures; i++)
            await Assert.ThrowsAsync<PredictionFailedException>(() => bad.PredictRowsAsync("{\"index\":5}"));

        await Assert.ThrowsAsync<ModelBrokenException>(() => bad.PredictRowsAsync("{\"index\":0}"));

        Assert.Single(await good.PredictRowsAsync("{}"));
    }

    private void Fail(int times)
    {
        for (var i = 0; i < times; i++)
            _breaker.Fail();
    }
}
