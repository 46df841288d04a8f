using AIaaS.Functions;
using AIaaS.Functions.OpenApi;
using AIaaS.LocalHost.Hosting;

return OpenApiCommand.TryRun(args) ? 0 : await LocalCommand.RunAsync(args, typeof(FunctionApp).Assembly, FunctionApp.Compose);
