using System.Text.Json;
using AIaaS.Functions.Requests;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.Logging;

namespace AIaaS.Functions.Tests.Requests;

public sealed class RequestMiddlewareTests : IDisposable
{
    private readonly RequestHarness _harness = new(typeof(Samples));
    private readonly DefaultHttpContext _http = new();

    public void Dispose() => _harness.Dispose();

    [Theory]
    [InlineData(Role.Reader, 403)]
    [InlineData(Role.Predictor, 200)]
    [InlineData(Role.Trainer, 200)]
    [InlineData(Role.Admin, 200)]
    public async Task A_role_declared_is_a_role_needed(Role role, int status)
    {
        _http.Request.Headers["x-api-key"] = await _harness.CreateKeyAsync("acme", role);

        Assert.Equal(status, (await SendAsync("Predict", Ok)).Status);
    }

    [Fact]
    public async Task The_function_sees_its_caller()
    {
        _http.Request.Headers["x-api-key"] = await _harness.CreateKeyAsync("acme", Role.Trainer);
        Caller? seen = null;

        await SendAsync("Predict", () =>
        {
            seen = _http.GetCaller();
            return Ok();
        });

        Assert.Equal(("acme", Role.Trainer), (seen!.Tenant, seen.Role));
    }

    [Theory]
    [InlineData("Predict", null, 401, "unauthenticated")]
    [InlineData("Predict", "wrong", 401, "unauthenticated")]
    [InlineData("Undeclared", RequestHarness.AdminKey, 403, "forbidden")]
    [InlineData("Unknown", RequestHarness.AdminKey, 403, "forbidden")]
    public async Task Who_may_not_call_gets_a_problem_and_the_function_does_not_run(string function, string? key, int status, string type)
    {
        if (key is not null)
        {
            _http.Request.Headers["x-api-key"] = key;
        }

        var response = await SendAsync(function, () => throw new InvalidOperationException("must not run"));

        Assert.Equal((status, $"urn:aiaas:problem:{type}"), (response.Status, response.ProblemType));
    }

    [Fact]
    public async Task Who_is_unknown_is_told_how_to_say_who_it_is()
        => Assert.Contains("x-api-key", (await SendAsync("Predict", Ok)).Headers.WWWAuthenticate.ToString(), StringComparison.Ordinal);

    [Fact]
    public async Task Anyone_calls_what_is_declared_anonymous()
        => Assert.Equal(200, (await SendAsync("Open", Ok)).Status);

    [Fact]
    public async Task An_announced_body_over_the_limit_is_refused_unread()
    {
        _http.Request.ContentLength = 11;

        var response = await SendAsync("Open", () => throw new InvalidOperationException("must not run"));

        Assert.Equal((413, true), (response.Status, response.Body.Contains("at most 10 bytes", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData(10, 200)]
    [InlineData(11, 413)]
    public async Task A_body_of_unknown_length_is_refused_at_the_byte_too_many(int length, int status)
    {
        _http.Request.Body = new MemoryStream(new byte[length]);

        var response = await SendAsync("Open", async () =>
        {
            await _http.Request.Body.CopyToAsync(Stream.Null);
            return Results.Ok();
        });

        Assert.Equal(status, response.Status);
    }

    [Fact]
    public async Task The_server_is_told_the_routes_limit()
    {
        _http.Request.ContentLength = 5;
        var feature = new BodySizeFeature();
        _http.Features.Set<IHttpMaxRequestBodySizeFeature>(feature);

        await SendAsync("Open", Ok);

        Assert.Equal(10, feature.MaxRequestBodySize);
    }

    [Fact]
    public async Task A_request_over_its_time_is_cancelled_and_answered_with_504()
    {
        var sending = SendAsync("Open", async () =>
        {
            await Task.Delay(Timeout.Infinite, _http.RequestAborted);
            return Results.Ok();
        });

        _harness.Time.Advance(TimeSpan.FromSeconds(5));

        var response = await sending.WaitAsync(TimeSpan.FromSeconds(30));
        Assert.Equal((504, "urn:aiaas:problem:timeout"), (response.Status, response.ProblemType));
    }

    [Fact]
    public async Task A_stopping_host_asks_to_come_again()
    {
        using var stopping = new CancellationTokenSource();
        var sending = _harness.SendAsync(
            _http,
            "Open",
            async () =>
            {
                await Task.Delay(Timeout.Infinite, _http.RequestAborted);
                return Results.Ok();
            },
            stopping.Token);

        await stopping.CancelAsync();

        Assert.Equal(503, (await sending.WaitAsync(TimeSpan.FromSeconds(30))).Status);
    }

    [Fact]
    public async Task A_caller_that_left_is_no_error()
    {
        using var left = new CancellationTokenSource();
        _http.RequestAborted = left.Token;
        var sending = SendAsync("Open", async () =>
        {
            await Task.Delay(Timeout.Infinite, _http.RequestAborted);
            return Results.Ok();
        });

        await left.CancelAsync();
        await sending.WaitAsync(TimeSpan.FromSeconds(30));

        var line = Assert.Single(_harness.Log.Lines);
        Assert.Equal(LogLevel.Information, line.Level);
        Assert.Contains(" 499 ", line.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_becomes_its_problem()
    {
        var response = await SendAsync("Open", () => throw new ProblemException(Problem.InvalidName, "Bad name.") { Field = "name", RetryAfter = TimeSpan.FromSeconds(9) });

        Assert.Equal(400, response.Status);
        Assert.Equal("9", response.Headers.RetryAfter);
        Assert.Equal("name", response.Json.GetProperty("field").GetString());
    }

    [Fact]
    public async Task An_error_tells_the_caller_nothing_and_the_log_everything()
    {
        _http.Request.Headers["x-correlation-id"] = "order-7";
        var error = new InvalidOperationException("secret");

        var response = await SendAsync("Open", () => throw error);

        Assert.Equal(("urn:aiaas:problem:internal", "order-7"), (response.ProblemType, response.Json.GetProperty("correlationId").GetString()));
        Assert.DoesNotContain("secret", response.Body, StringComparison.Ordinal);
        var logged = Assert.Single(_harness.Log.Lines, line => line.Level == LogLevel.Error);
        Assert.Same(error, logged.Exception);
        Assert.Contains("order-7", logged.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_errors_of_functions_tell_their_place()
    {
        var response = await SendAsync("Open", () => Task.FromResult<object?>(JsonDocument.Parse("{\n oops")));

        Assert.Equal("urn:aiaas:problem:malformed-body", response.ProblemType);
        Assert.Contains("line 2, byte 2", response.Body, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_error_while_the_result_is_written_is_a_problem_too()
    {
        var response = await SendAsync("Open", () => Task.FromResult<object?>(Reply.Json(double.NaN)));

        Assert.Equal((500, "urn:aiaas:problem:internal"), (response.Status, response.ProblemType));
    }

    [Fact]
    public async Task Headers_of_a_failed_answer_do_not_outlive_it()
    {
        var response = await SendAsync("Open", () =>
        {
            _http.Response.Headers.ETag = "\"1\"";
            throw new ProblemException(Problem.NotFound, "Gone.");
        });

        Assert.Equal(("", _http.TraceIdentifier), (response.Headers.ETag.ToString(), response.Headers["x-correlation-id"].ToString()));
    }

    [Fact]
    public async Task A_half_written_answer_is_cut_off()
    {
        var lifetime = new Lifetime();
        _http.Features.Set<IHttpRequestLifetimeFeature>(lifetime);
        _http.Features.Set<IHttpResponseFeature>(new StartedResponse());

        await SendAsync("Open", () => throw new InvalidOperationException("late"));

        Assert.True(lifetime.Aborted);
    }

    [Fact]
    public async Task A_request_leaves_one_line_without_path_query_or_key()
    {
        _http.Request.Method = "POST";
        _http.Request.Path = "/open/secret-path";
        _http.Request.QueryString = new QueryString("?signature=secret-query");
        _http.Request.Headers["x-api-key"] = await _harness.CreateKeyAsync("acme", Role.Predictor);

        await SendAsync("Predict", Ok);

        var line = Assert.Single(_harness.Log.Lines);
        Assert.StartsWith("POST /predict/{name} 200 in ", line.Text, StringComparison.Ordinal);
        Assert.Contains("by Predict for acme", line.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", line.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("aiaas_", line.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Other_triggers_pass_through()
    {
        var context = new RequestHarness.HandmadeContext("Timed", http: null);

        await _harness.Middleware.Invoke(context, each =>
        {
            each.GetInvocationResult().Value = "done";
            return Task.CompletedTask;
        });

        Assert.Equal("done", context.Result);
        Assert.Empty(_harness.Log.Lines);
    }

    [Fact]
    public async Task The_result_is_executed_once()
    {
        var result = new CountingResult();

        await SendAsync("Open", () => Task.FromResult<object?>(result));

        Assert.Equal(1, result.Executions);
    }

    private static Task<object?> Ok() => Task.FromResult<object?>(Results.Ok());

    private Task<RequestHarness.Response> SendAsync(string function, Func<Task<object?>> call)
    {
        _http.RequestServices = _harness.Services;
        return _harness.SendAsync(_http, function, call);
    }

    private sealed class Samples
    {
        [Function("Predict")]
        [RequiresRole(Role.Predictor)]
        public IResult Predict([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "predict/{name}")] HttpRequest request) => Results.Ok(request);

        [Function("Open")]
        [Anonymous]
        [RequestLimits(MaxBodyBytes = 10, TimeoutSeconds = 5)]
        public IResult Open([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "open")] HttpRequest request) => Results.Ok(request);

        [Function("Undeclared")]
        public IResult Undeclared([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "undeclared")] HttpRequest request) => Results.Ok(request);
    }

    private sealed class BodySizeFeature : IHttpMaxRequestBodySizeFeature
    {
        public bool IsReadOnly => false;

        public long? MaxRequestBodySize { get; set; }
    }

    private sealed class StartedResponse : HttpResponseFeature
    {
        public override bool HasStarted => true;
    }

    private sealed class Lifetime : IHttpRequestLifetimeFeature
    {
        public bool Aborted { get; private set; }

        public CancellationToken RequestAborted { get; set; }

        public void Abort() => Aborted = true;
    }

    private sealed class CountingResult : IResult
    {
        public int Executions { get; private set; }

        public Task ExecuteAsync(HttpContext httpContext)
        {
            Executions++;
            return Task.CompletedTask;
        }
    }
}
