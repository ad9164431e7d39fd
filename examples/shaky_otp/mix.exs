defmodule ShakyOtp.MixProject do
  use Mix.Project

  def project do
    [
      app: :shaky_otp,
      version: "0.1.0",
      elixir: "~> 1.14",
      start_permanent: Mix.env() == :prod,
      deps: []
    ]
  end

  def application do
    [
      extra_applications: [:logger],
      mod: {ShakyOtp.Application, []}
    ]
  end
end
