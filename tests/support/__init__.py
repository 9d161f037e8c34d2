"""What tests share: nodes, engines, fakes and programs to run them against."""
