using System.Net;
using System.Net.ServerSentEvents;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using AIaaS.LocalHost.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Extensions.DependencyInjection;

namespace AIaaS.LocalHost.Tests.Http;

public sealed class HttpTriggersTests
{
    [Fact]
    public async Task A_result_is_executed()
    {
        await using var host = await RunningHost.StartAsync(typeof(Basics));

        using var response = await host.Client.GetAsync("/models");

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        Assert.Equal("""{"name":"list"}""", await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("/models/churn/versions/7", "churn:7")]
    [InlineData("/MODELS/Churn/Versions/7", "Churn:7")]
    [InlineData("/models/a%20b/versions/7/", "a b:7")]
    [InlineData("/files/a/b/c.csv", "a/b/c.csv")]
    [InlineData("/v2", "v2")]
    [InlineData("/v2/", "v2")]
    [InlineData("/", "root")]
    [InlineData("/Unrouted", "unrouted")]
    [InlineData("/unrouted", "unrouted")]
    public async Task A_path_reaches_its_function_with_its_values(string path, string expected)
    {
        await using var host = await RunningHost.StartAsync(typeof(Basics));

        Assert.Equal(expected, await host.Client.GetStringAsync(path));
    }

    [Theory]
    [InlineData("GET", "/nothing/here")]
    [InlineData("GET", "/models/churn/versions/latest")]
    [InlineData("GET", "/x")]
    [InlineData("DELETE", "/models")]
    [InlineData("POST", "/v2")]
    [InlineData("OPTIONS", "/models")]
    [InlineData("HEAD", "/models/churn/versions/7")]
    public async Task An_unknown_path_or_method_is_a_bare_404(string method, string path)
    {
        await using var host = await RunningHost.StartAsync(typeof(Basics));

        using var response = await host.Client.SendAsync(new HttpRequestMessage(new HttpMethod(method), path));

        Assert.Equal(HttpStatusCode.NotFound, response.StatusCode);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
        Assert.Null(response.Content.Headers.ContentType);
        Assert.Empty(response.Content.Headers.Allow);
    }

    [Fact]
    public async Task A_head_request_reaches_a_function_that_names_head()
    {
        await using var host = await RunningHost.StartAsync(typeof(Basics));

        using var response = await host.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/models"));

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
    }

    [Fact]
    public async Task A_function_without_methods_answers_all_of_them()
    {
        await using var host = await RunningHost.StartAsync(typeof(Basics));

        using var response = await host.Client.SendAsync(new HttpRequestMessage(HttpMethod.Patch, "/unrouted"));

        Assert.Equal("unrouted", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task The_route_prefix_goes_before_every_route()
    {
        var options = new LocalHostOptions { Port = 0, RoutePrefix = "api" };
        options.FunctionTypes.Add(typeof(Basics));
        await using var app = new LocalHostBuilder(options).Build();
        await app.StartAsync();
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };

        Assert.Equal("v2", await client.GetStringAsync("/api/v2"));
        Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync("/v2")).StatusCode);
        await app.StopAsync();
    }

    [Fact]
    public async Task Route_and_query_values_become_what_parameters_ask_for()
    {
        await using var host = await RunningHost.StartAsync(typeof(Basics));
        var id = Guid.NewGuid();

        Assert.Equal($"{id}|True|Sunday|2.5|10|", await host.Client.GetStringAsync($"/typed/{id}/true/sunday?ratio=2.5"));
        Assert.Equal($"{id}|False|Monday||3|next", await host.Client.GetStringAsync($"/typed/{id}/false/Monday?limit=3&continuation=next"));
    }

    [Fact]
    public async Task A_value_in_another_form_reaches_middleware_as_a_conversion_error()
    {
        Exception? seen = null;
        await using var host = await RunningHost.StartAsync(
            builder => builder.Use(next => async context =>
            {
                try
                {
                    await next(context);
                }
                catch (FunctionInputConverterException exception)
                {
                    seen = exception;
                    throw;
                }
            }),
            typeof(Basics));

        using var response = await host.Client.GetAsync("/typed/not-a-guid/true/sunday");

        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.Contains("'id'", seen?.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failure_is_a_500_that_tells_nothing()
    {
        await using var host = await RunningHost.StartAsync(typeof(Basics));

        using var response = await host.Client.GetAsync("/fails");

        Assert.Equal(HttpStatusCode.InternalServerError, response.StatusCode);
        Assert.Empty(await response.Content.ReadAsByteArrayAsync());
        Assert.False(response.Headers.Contains("x-before-failure"));
    }

    [Fact]
    public async Task A_failure_in_the_middle_of_a_response_breaks_the_connection()
    {
        await using var host = await RunningHost.StartAsync(typeof(Basics));

        await Assert.ThrowsAnyAsync<HttpRequestException>(() => host.Client.GetStringAsync("/fails-late"));
    }

    [Theory]
    [InlineData("/returns/text", "")]
    [InlineData("/returns/object", "")]
    [InlineData("/returns/nothing", "")]
    [InlineData("/returns/written", "written")]
    public async Task A_value_that_is_no_response_leaves_what_was_written(string path, string expected)
    {
        await using var host = await RunningHost.StartAsync(typeof(Returns));

        using var response = await host.Client.GetAsync(path);

        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal(expected, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Server_sent_events_arrive_while_the_function_still_runs()
    {
        var stream = new EventSource();
        await using var host = await RunningHost.StartAsync(builder => builder.Services.AddSingleton(stream), typeof(Events));
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30));

        using var response = await host.Client.GetAsync("/events", HttpCompletionOption.ResponseHeadersRead, timeout.Token);
        await using var body = await response.Content.ReadAsStreamAsync(timeout.Token);
        await using var events = SseParser.Create(body).EnumerateAsync(timeout.Token).GetAsyncEnumerator(timeout.Token);

        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        Assert.True(await events.MoveNextAsync());
        Assert.Equal("first", events.Current.Data);
        stream.Release();
        Assert.True(await events.MoveNextAsync());
        Assert.Equal("second", events.Current.Data);
    }

    [Fact]
    public async Task The_cancellation_token_tells_that_the_caller_went_away()
    {
        var waiting = new Waiting();
        await using var host = await RunningHost.StartAsync(builder => builder.Services.AddSingleton(waiting), typeof(Waits));
        using var giveUp = new CancellationTokenSource();

        var call = host.Client.GetAsync("/waits", giveUp.Token);
        await waiting.Started.Task.WaitAsync(TimeSpan.FromSeconds(30));
        await giveUp.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await waiting.Cancelled.Task.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_body_beyond_Kestrels_own_limit_is_read()
    {
        await using var host = await RunningHost.StartAsync(typeof(Basics));
        using var content = new StreamContent(new MemoryStream(new byte[31_000_000]));

        using var response = await host.Client.PostAsync("/count", content);

        Assert.Equal("31000000", await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Only_the_loopback_address_is_listened_on()
    {
        await using var host = await RunningHost.StartAsync(typeof(Basics));

        Assert.Equal("127.0.0.1", host.Url.Host);
        Assert.NotEqual(0, host.Url.Port);
    }

    [Fact]
    public async Task An_occupied_port_is_refused()
    {
        using var occupant = new TcpListener(IPAddress.Loopback, 0);
        occupant.Start();
        var options = new LocalHostOptions { Port = ((IPEndPoint)occupant.LocalEndpoint).Port };
        await using var app = new LocalHostBuilder(options).Build();

        await Assert.ThrowsAsync<IOException>(() => app.StartAsync());
    }

    [Theory]
    [InlineData("AzureWebJobs.List.Disabled", "true")]
    [InlineData("AzureWebJobs:List:Disabled", "1")]
    public async Task A_disabled_function_is_a_404(string setting, string value)
    {
        await using var host = await RunningHost.StartAsync(builder => builder.Configuration[setting] = value, typeof(Basics));

        Assert.Equal(HttpStatusCode.NotFound, (await host.Client.GetAsync("/models")).StatusCode);
        Assert.Equal("v2", await host.Client.GetStringAsync("/v2"));
    }

    [Fact]
    public async Task Each_request_has_services_and_a_function_of_its_own()
    {
        await using var host = await RunningHost.StartAsync(builder => builder.Services.AddScoped<PerScope>(), typeof(Scoped));

        var first = await host.Client.GetStringAsync("/scoped");
        var second = await host.Client.GetStringAsync("/scoped");

        Assert.NotEqual(first, second);
        Assert.All([first, second], seen => Assert.Equal("same", seen.Split(' ')[0]));
    }

    [Fact]
    public async Task Binding_data_holds_route_and_query_values()
    {
        await using var host = await RunningHost.StartAsync(typeof(Basics));

        Assert.Equal("limit=5 name=x", await host.Client.GetStringAsync("/binding-data/x?limit=5"));
    }

    public sealed class Basics
    {
        [Function("List")]
        public IResult List([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "models")] HttpRequest request) =>
            TypedResults.Json(new { name = "list" });

        [Function("Version")]
        public async Task<IResult> Version(
            [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "models/{model}/versions/{version:int}")] HttpRequest request, string model, int version)
        {
            await Task.Yield();
            return TypedResults.Text($"{model}:{version}");
        }

        [Function("File")]
        public static IResult File([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "files/{*path}")] HttpRequest request, string path) =>
            TypedResults.Text(path);

        [Function("Metadata")]
        public IResult Metadata([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "v2")] HttpRequest request) => TypedResults.Text("v2");

        [Function("Root")]
        public IResult Root([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "{ignored:maxlength(0)?}")] HttpRequest request) =>
            TypedResults.Text("root");

        [Function("Unrouted")]
        public Task<IResult> Unrouted([HttpTrigger(AuthorizationLevel.Anonymous)] HttpRequest request) =>
            Task.FromResult<IResult>(TypedResults.Text("unrouted"));

        [Function("Typed")]
        public IResult Typed(
            [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "typed/{id}/{flag}/{day}")] HttpRequest request,
            Guid id, bool flag, DayOfWeek day, double? ratio, string? continuation, int limit = 10) =>
            TypedResults.Text(FormattableString.Invariant($"{id}|{flag}|{day}|{ratio}|{limit}|{continuation}"));

        [Function("Fails")]
        public IResult Fails([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "fails")] HttpRequest request)
        {
            request.HttpContext.Response.Headers["x-before-failure"] = "1";
            throw new InvalidOperationException("secret");
        }

        [Function("FailsLate")]
        public async Task<IResult> FailsLate([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "fails-late")] HttpRequest request)
        {
            await request.HttpContext.Response.WriteAsync("half");
            await request.HttpContext.Response.Body.FlushAsync();
            throw new InvalidOperationException("secret");
        }

        [Function("Count")]
        public async Task<IResult> Count([HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "count")] HttpRequest request, CancellationToken cancellationToken)
        {
            var buffer = new byte[65536];
            long total = 0;
            for (int read; (read = await request.Body.ReadAsync(buffer, cancellationToken)) > 0;)
                total += read;
            return TypedResults.Text(FormattableString.Invariant($"{total}"));
        }

        [Function("BindingData")]
        public IResult BindingData(
            [HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "binding-data/{name}")] HttpRequest request, FunctionContext context) =>
            TypedResults.Text(string.Join(' ', context.BindingContext.BindingData.Select(pair => $"{pair.Key}={pair.Value}").Order(StringComparer.Ordinal)));
    }

    public sealed class Returns
    {
        [Function("Text")]
        public string Text([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "returns/text")] HttpRequest request) => "text";

        [Function("Object")]
        public Task<object> Object([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "returns/object")] HttpRequest request) =>
            Task.FromResult<object>(new { a = 1 });

        [Function("Nothing")]
        public void Nothing([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "returns/nothing")] HttpRequest request)
        {
        }

        [Function("Written")]
        public Task Written([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "returns/written")] HttpRequest request) =>
            request.HttpContext.Response.WriteAsync("written");
    }

    public sealed class EventSource
    {
        private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Release() => _release.TrySetResult();

        public async IAsyncEnumerable<string> ReadAsync([EnumeratorCancellation] CancellationToken cancellationToken)
        {
            yield return "first";
            await _release.Task.WaitAsync(cancellationToken);
            yield return "second";
        }
    }

    public sealed class Events(EventSource source)
    {
        [Function("Events")]
        public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "events")] HttpRequest request, CancellationToken cancellationToken) =>
            TypedResults.ServerSentEvents(source.ReadAsync(cancellationToken));
    }

    public sealed class Waiting
    {
        public TaskCompletionSource Started { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Cancelled { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public sealed class Waits(Waiting waiting)
    {
        [Function("Waits")]
        public async Task<IResult> Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "waits")] HttpRequest request, CancellationToken cancellationToken)
        {
            waiting.Started.TrySetResult();
            try
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                waiting.Cancelled.TrySetResult();
                throw;
            }

            return TypedResults.NoContent();
        }
    }

    public sealed class PerScope;

    public sealed class Scoped(PerScope given)
    {
        [Function("Scoped")]
        public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", Route = "scoped")] HttpRequest request, FunctionContext context)
        {
            var same = ReferenceEquals(given, context.InstanceServices.GetRequiredService<PerScope>())
                && ReferenceEquals(given, request.HttpContext.RequestServices.GetRequiredService<PerScope>());
            return TypedResults.Text($"{(same ? "same" : "other")} {context.InvocationId}");
        }
    }
}
